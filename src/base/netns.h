/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Doing something in another network namespace: network_namespaces(7). */

/* Calls function in the network namespace netns_fd. The caller's stays as it is: a child that shares
 * the memory and the descriptors of the caller goes there and has ended on return; function runs in
 * it, on a stack of 64 KiB, while the caller's thread waits. What function opened is the caller's.
 * Its result, or -errno of what went wrong before it. Needs CAP_SYS_ADMIN over both user
 * namespaces. */
int netns_call(int netns_fd, int (*function)(void *data), void *data);
