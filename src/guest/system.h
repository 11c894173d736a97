/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Setting up the guest as its PID 1, step by step; what the engine and containers expect of a host. */
#include "base/error.h"

/* Leaves the initramfs' root, mounts what every system has, makes limits and kernel settings those
 * of a host of containers. */
int system_set_up(struct error *err);
/* The network namespace for containers, at GUEST_NETNS, with lo up; and lo of our own. */
int system_make_netns(struct error *err);
/* Opens the port to the host (GUEST_PORT), which may come later than we do: waits for it, at most
 * timeout_ms. Blocking. */
int system_open_port(int timeout_ms, int *ret_fd, struct error *err);
/* Ends the VM. */
_Noreturn void system_end(void);
