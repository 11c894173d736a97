/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The life of one VM: its helpers, its clients, and why it ended. */
#include "vm/machine.h"
#include "vm/share_daemon.h"
#include "vmwp/router.h"
#include "vmwp/tail.h"

struct worker {
	int owner;    /* its end: nobody wants the VM any more */
	int listener; /* control socket, non-blocking */
	unsigned boot_timeout_ms;
	struct share_daemon share;
	struct machine machine;
	struct router router;
	struct tail console, monitor_errors, share_errors;
};

/* Serves until the VM ends; clients have been told why. 0 when it ended because its owner went. */
int worker_run(struct worker *worker);
