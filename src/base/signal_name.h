/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* "TERM", "SIGTERM", "sigterm", "15", "SIGRTMIN+3", "RTMAX-1" → number, or -EINVAL. 0 is allowed as
 * a number. */
int signal_from_name(const char *name);
