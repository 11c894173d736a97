/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The VM's worker process, vmwp: a child of the vmproc whose container owns the VM. */
#include <sys/types.h>

#include "base/error.h"

struct worker {
	pid_t pid;
	int pidfd; /* owned; readable when it has ended */
	int pair;  /* owned; its end ends the VM */
};
#define WORKER_INIT ((struct worker){ .pidfd = -1, .pair = -1 })

/* Clones vmwp into a pid namespace of its own and waits until it is ready. fds: its descriptors 4
 * and on, borrowed. On failure nothing is left, and err has what vmwp said. */
int worker_start(const char *id, const int *fds, size_t n, struct worker *ret, struct error *err);
/* Tells vmwp that the agent does not answer: its END will say more. */
void worker_tell_silence(const struct worker *worker);
/* Ends the VM, waits for the last of its processes and reaps vmwp. reason (size bytes) gets how it
 * ended, when it had ended by itself before; may be NULL. Without a worker it does nothing. */
void worker_end(struct worker *worker, char *reason, size_t size);
