/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The process of a client, with its stdio as streams: a container's init, or an exec's. */
#include "guest/agent.h"
#include "wire/stream.h"

enum process_state {
	PROCESS_NONE,
	PROCESS_STARTING, /* its worker is at work */
	PROCESS_RUNNING,  /* a child of ours, or soon (its worker ends) */
	PROCESS_EXITED,   /* reaped; output is still to be sent */
	PROCESS_DONE,     /* EXIT is sent */
};

struct process {
	enum process_state state;
	bool init;     /* of a container; else exec's */
	bool terminal; /* its master is the stream 0 and 1 */
	bool answered; /* the request that made it: streams and EXIT come after */
	bool syncing;  /* EXIT waits for what it wrote to be on disk */
	char *id;      /* owned; the container's */
	pid_t pid;
	int pidfd;        /* owned */
	int master;       /* owned; for its window size */
	int code, status; /* siginfo's si_code and si_status */
	struct stream_sink in;
	struct stream_source out[2];
	int in_poll, out_poll[2];
};

void process_init(struct process *p);
void process_done(struct process *p);
/* Makes the streams. stdio: what the process gets as 0, 1, 2 (owned by the caller); all -1 with a
 * terminal. */
int process_prepare(struct process *p, uint32_t client, bool init, bool terminal, const char *id,
		    int stdio[3], struct error *err);
/* Its worker says that it is there; master (taken) with a terminal. */
int process_started(struct process *p, pid_t pid, int master);
/* Reaped. */
void process_exited(struct process *p, int code, int status);
void process_poll(struct process *p, struct agent *agent);
/* After poll. 0, or the link's -errno. */
int process_step(struct process *p, struct agent *agent);
/* The rest of its output and EXIT, as far as they go. */
int process_finish(struct process *p, struct agent *agent, uint32_t client);
/* A frame of its streams. -EPROTO where the client breaks the protocol. */
int process_frame(struct process *p, struct agent *agent, const struct frame *frame,
		  const uint8_t *body);
/* SIGKILL, if it is there. */
void process_kill(struct process *p);
int process_signal(struct process *p, int sig, struct error *err);
int process_resize(struct process *p, unsigned width, unsigned height, struct error *err);
/* Closes the terminal, whose processes get SIGHUP. */
int process_hangup(struct process *p, struct error *err);
