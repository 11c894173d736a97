/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The program's state, for its own files. One thread, one poll loop. */
#include <stdbool.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "vmproc/worker.h"
#include "wire/link.h"
#include "wire/stream.h"

/* Start commands that may be connected at once; more wait in the socket's queue. */
#define CONNECTIONS_MAX 4

enum phase {
	PHASE_HELLO,    /* until the guest's agent answers */
	PHASE_REQUESTS, /* those of BEGIN, one after the other */
	PHASE_READY,    /* the command decides: COMMIT or START */
	PHASE_CREATED,  /* committed; waits at the start socket */
	PHASE_STARTING, /* START came; the agent is at it */
	PHASE_RUNNING,
};

enum end_kind {
	END_NOT,    /* goes on */
	END_STATUS, /* exit with it */
	END_SIGNAL, /* die by it */
};

struct vmproc {
	const char *id;
	bool exec;
	enum phase phase;

	int sync;                         /* the conversation, -1: over */
	int listen;                       /* start socket */
	int connections[CONNECTIONS_MAX]; /* of start commands that have not spoken yet */
	int starter;                      /* who sent START, until it is answered */
	int reason;                       /* file */
	int signals;                      /* signalfd */
	struct worker worker;             /* only of the owner */

	struct wire_link link;
	struct stream_source in;
	struct stream_sink out[2];

	int tty;             /* the slave, own descriptor; -1: no terminal, or it has hung up */
	struct winsize told; /* the size that the guest knows */

	int requests;         /* memfd */
	uint64_t requests_at; /* offset of the next one */
	uint32_t number;      /* of the last request */
	uint32_t awaited;     /* number of the request that the phase waits for, 0: none */
	uint32_t create_ms, start_ms;
	int64_t deadline;  /* of what is awaited, clock_ms(); 0: none */
	bool silence_told; /* to vmwp, whose word on it is awaited */
	uint32_t control;  /* of the signal, resize or hangup under way, 0: none */
	bool resize_due, hangup_due, start_due;

	bool told_reason;        /* END said why the VM ended */
	bool has_exit;           /* EXIT has come */
	enum end_kind exit_kind; /* what it says */
	int exit_number;

	enum end_kind end; /* decided */
	int end_number;
};

static inline void vmproc_end(struct vmproc *p, enum end_kind kind, int number)
{
	p->end = kind;
	p->end_number = number;
}
