/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A function in a process of its own, whose error comes back as an error: the other end of a pipe, say. */
#include <sys/types.h>

#include "base/error.h"

struct child_task {
	pid_t pid;
	int errors; /* owned: what it says */
};
#define CHILD_TASK_INIT ((struct child_task){ .errors = -1 })

/* Starts run(data) in a copy of the caller, which has one thread. not_its_fd: a descriptor that is not the
 * child's, -1: none. SIGPIPE is an error there, -EPIPE. */
int child_task_start(struct child_task *task, int (*run)(void *data, struct error *err), void *data,
		     int not_its_fd, struct error *err);
/* Waits for its end. What run returned, err as it set it: errno, exit status and text. */
int child_task_end(struct child_task *task, struct error *err);
