/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A container in a utility VM of its own, or in that of another container. */
#include "compute/isolation.h"

/* isolation_ops.create */
int hyperv_create(const struct isolation_create *create, struct container *ret, int *ret_pidfd,
		  int *ret_init, struct error *err);
/* User of the processes of the VM whose owner's vmproc is pid: no other user of the machine has it
 * while that lives. */
uint32_t hyperv_uid(pid_t pid);
