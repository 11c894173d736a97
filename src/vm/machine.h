/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A virtual machine, whatever runs it: QEMU today; a KVM monitor of our own, and templates (a frozen
 * VM that is cloned for every start), come as further tables. Nothing above this knows which one,
 * nor which architecture: what differs between x86-64 and aarch64 is in machine_arch_*.c.
 */
#include <sys/types.h>

#include "base/error.h"
#include "vm/helper.h"
#include "vm/settings.h"

struct machine {
	struct helper monitor; /* pid 0: the monitor is in the caller itself */
	int agent;             /* owned, non-blocking: the byte stream to the agent's port */
	int console; /* owned, non-blocking: the guest's console, to read; for the user only */
	int wake;    /* owned: for machine_agent_up */
};
#define MACHINE_INIT                                                                               \
	((struct machine){ .monitor = HELPER_INIT, .agent = -1, .console = -1, .wake = -1 })

/* Where vmwp's root has what settings call kernel and initrd. */
#define MACHINE_KERNEL "/vm/kernel"
#define MACHINE_INITRD "/vm/initrd"

struct machine_host {
	int share_fd; /* connected vhost-user socket of the share's daemon */
	uint32_t uid; /* the monitor's; 0: keep */
};

struct machine_ops {
	const char *name;
	/* Starts it; returns as soon as the monitor runs. share_fd, taps and disks in settings become
	 * its own (closed here, also on failure). The kernel and the initramfs are at MACHINE_KERNEL
	 * and MACHINE_INITRD for it. On failure nothing is left. */
	int (*start)(const struct vm_settings *settings, const struct machine_host *host,
		     struct machine *ret, struct error *err);
};
extern const struct machine_ops machine_qemu;

/* By name; NULL and err for one that does not exist. */
const struct machine_ops *machine_get(const char *name, struct error *err);
/* The agent has been heard of: it has opened its port. Must be called then, before what is sent to it
 * can be sure to arrive. */
void machine_agent_up(struct machine *machine);
/* Ends the monitor, and closes all. */
void machine_done(struct machine *machine);

#define _cleanup_machine_ _cleanup_(machine_done)
