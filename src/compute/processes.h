/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The processes of a container, as its own kernel counts them: on the host, or in the guest. */
#include "compute/system.h"

struct compute_process_usage {
	pid_t pid;         /* the host's; in hyperv isolation the guest's */
	char name[64];     /* as the kernel has it (comm), printable */
	uint64_t cpu;      /* nanoseconds, user and system */
	uint64_t private_; /* bytes of memory that is its alone: anonymous and resident */
};

/* Sorted by pid; one that ends meanwhile is left out. Caller frees. */
int compute_processes(const struct compute_host *host, const char *id,
		      struct compute_process_usage **ret, size_t *ret_len, struct error *err);

/* The table that the host's ps prints with args (NULL-terminated; none: -ef), less the processes of others;
 * in hyperv isolation as compute_ps. -EINVAL: ps refuses args, or prints no PID column. Caller frees. */
int compute_ps_table(const struct compute_host *host, const char *id, char *const *args, char **ret,
		     struct error *err);
