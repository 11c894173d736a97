/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vmproc: the host's process for one process in a utility VM. Its pid is the container's (or an
 * exec's) for everybody outside; it carries the stdio, forwards signals, and ends as the process
 * ended. It is executed by a command with
 *   0, 1, 2   the process's own stdio
 *   3         a SOCK_SEQPACKET pair: the conversation (container/sync.h), as an init of the engine
 *             has it with its runtime. The end of it before COMMIT or START: die.
 *   argv      vmproc ID create|exec
 * and then told what to do by these messages, each a sync message with descriptors (fd_send):
 *
 * VM     first, only of the container that owns the VM: start vmwp.
 *          fds: settings (memfd, vm/settings.h; vmwp's 5), control listening socket (vmwp's 4), then
 *               those that the settings refer to by number, in order: 6, 7, … in vmwp
 *          answer: VM_READY, code = pid of vmwp in the pid namespace of the command; the share's root
 *               is mounted in its mount namespace at VM_SHARE_ROOT, and QEMU is starting
 * BEGIN  requests (memfd: a JSON array of request objects, message.h, the last one "create" or
 *          "exec"), connection to vmwp's control socket; then, as the flags in code say:
 *               listening start socket, console socket, reason file (open for writing)
 *          The requests are sent one after the other, each must succeed.
 *          answer: create: SYNC_READY, code = pid in the guest; exec: the end of the conversation
 *               (the program runs); or SYNC_ERROR
 * Then as the engine's init: COMMIT, and START over the conversation or the start socket, answered
 * by its end or by SYNC_ERROR.
 *
 * When the VM ends before the process (WIRE_END, or the connection breaks), its reason goes to the
 * reason file and vmproc dies by SIGKILL, as the process did.
 */
#include "container/sync.h"

enum vmproc_message {
	VMPROC_VM = 64,
	VMPROC_VM_READY,
	VMPROC_BEGIN,
};

enum vmproc_begin_flags {
	VMPROC_START_SOCKET = 1 << 0,
	VMPROC_CONSOLE = 1 << 1,
	VMPROC_REASON = 1 << 2,
	VMPROC_IS_EXEC = 1 << 3, /* no START follows */
	VMPROC_TERMINAL = 1 << 4, /* the process has one: a pty here, its master to the console
				   * socket; size in rows << 16 and columns << 32 … see code's use */
};

/* Both directions of the messages with descriptors: like struct message in sync.c, type and code. */
struct vmproc_header {
	uint32_t type;
	int32_t code;
	uint16_t rows, columns; /* BEGIN with a terminal; 0: not said */
};

#define VMPROC_SYNC_FD 3
