/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One more process in a container's VM, with a vmproc that stands for it on the host. */
#include <jansson.h>
#include <stdint.h>

#include "compute/store.h"

struct hyperv_process {
	const json_t *requests; /* wire/message.h; the last one makes the process; borrowed */
	int stdio[3];           /* borrowed; -1: /dev/null */
	int console;            /* connected; -1: no terminal */
	uint16_t rows, columns; /* of the terminal; 0: not known */
	void (*warn)(const char *message, void *data); /* may be NULL */
	void *warn_data;
};

/* Returns when the process runs. *ret_pid, *ret_pidfd: vmproc, a child of the caller in the container's
 * cgroup, which ends as the process does. On failure nothing is left. */
int hyperv_process(const struct stored *s, const struct hyperv_process *process, pid_t *ret_pid,
		   int *ret_pidfd, struct error *err);
