/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Hands a seccomp notify descriptor to linux.seccomp.listenerPath, with the container process state
 * (runtime-spec config-linux.md#containerprocessstate). */
#include <sys/types.h>

#include "base/error.h"
#include "container/container.h"

/* fd: the descriptor's number in process pid, from which it is taken by pidfd_getfd(2). */
int listener_deliver(const struct container *c, const struct oci_spec *spec, pid_t pid, int fd,
		     const char *status, struct error *err);
