/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vmproc: the host's process for one process in a utility VM. Its pid is the container's (or an
 * exec's) for everybody outside; it carries the stdio, forwards signals, and ends as the process
 * ended. It is executed by a command (launch.h) as
 *   vmproc ID create|exec
 * with nothing inherited but
 *   0, 1, 2   the process's own stdio
 *   3         one end of a SOCK_SEQPACKET pair: the conversation (container/sync.h), as an init of
 *             the engine has it with its runtime. Its end before COMMIT or START: die.
 * and then told what to do by the messages below. Errors come back as SYNC_ERROR in place of any
 * answer; vmproc ends after it.
 *
 * VM     first, only for the container that owns the VM: start vmwp. struct vmproc_header, with
 *        descriptors: control listening socket (vmwp's 4), settings (memfd, vm/settings.h; vmwp's 5),
 *        then those that the settings refer to by number, in order: 6, 7, …
 *        Answer: VMPROC_VM_READY, code = pid of vmwp in the pid namespace of vmproc. The share's
 *        root is mounted in vmwp's mount namespace at VM_SHARE_ROOT, and the monitor is starting.
 * BEGIN  struct vmproc_begin_header, with descriptors: the requests (memfd), the connection to
 *        vmwp's control socket, then in the order of their flags those that the flags announce.
 *        The requests (wire/message.h) are records, one after the other from offset 0: u32 length,
 *        then as many bytes of JSON. They are sent in order as soon as the guest says HELLO; each
 *        must succeed; the last one is "create" or "exec".
 *        Answer: any number of SYNC_WARNING, then SYNC_READY, code = pid in the guest. exec: the
 *        program runs, and the conversation ends. create: as with the engine's init, COMMIT follows
 *        (START then comes to the start socket) or START, which is answered by the end of the
 *        conversation (the program runs) or by SYNC_ERROR.
 *
 * vmproc and vmwp: vmwp is pid 1 of a new pid namespace, executed as "vmwp ID" with 0-2 /dev/null, 3
 * its end of a SOCK_SEQPACKET pair, 4 and on as above, no signal blocked, PDEATHSIG SIGKILL set. It
 * answers over 3 with VMPROC_VM_READY (code 0), or SYNC_ERROR and ends. After that vmproc says at most one
 * thing, VMPROC_SILENCE: the agent does not answer. The VM is over then, and vmwp, which has its console,
 * tells why by WIRE_END. The end of the pair tells it to end the VM, or that vmproc has been killed.
 *
 * When the VM ends before the process (WIRE_END, the connection breaks, vmwp ends, the guest breaks
 * the protocol), the reason goes to whoever waits for an answer and to the reason file, one line of
 * at most VMPROC_REASON_MAX bytes, and vmproc dies by SIGKILL, as the process did.
 */
#include "container/sync.h"

enum vmproc_message {
	VMPROC_VM = 64,
	VMPROC_VM_READY,
	VMPROC_BEGIN,
	VMPROC_SILENCE,  /* to vmwp */
	VMPROC_PREPARED, /* before it is executed: in its cgroup and network namespace */
};

/* Each announces a descriptor. */
enum vmproc_begin_flags {
	VMPROC_START_SOCKET = 1 << 0, /* listening, SOCK_SEQPACKET */
	VMPROC_CONSOLE = 1 << 1,      /* the process has a terminal: a pty of the host's, whose
				       * master goes to this socket (fd_send with a name) */
	VMPROC_REASON = 1 << 2,       /* file, open for writing */
};

struct vmproc_header {
	uint32_t type; /* enum vmproc_message */
	int32_t code;
	uint32_t reserved;
};

struct vmproc_begin_header {
	uint32_t type; /* VMPROC_BEGIN */
	uint32_t flags;
	uint32_t uid; /* of vmproc from now on: the VM's (vm_settings.uid); 0: keep */
	/* Of the terminal, 0: not said. The guest is told by a resize as soon as the process is
	 * there; for an exec's program to find it so at once, the request says it too. */
	uint16_t rows, columns;
	/* How long the agent may take for the requests, and for the start; 0: as long as it needs.
	 * Booting is not in it, which vmwp limits. */
	uint32_t create_ms, start_ms;
};

#define VMPROC_SYNC_FD 3
#define VMPROC_VM_FDS_MAX 168  /* of one VM message */
#define VMPROC_REQUESTS_MAX 16 /* of one BEGIN */
#define VMPROC_REASON_MAX 512
