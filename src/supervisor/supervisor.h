/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * hcs-supervisor: stays with one container from its start to its end, restarts included. Holds what a
 * daemon would: the other ends of the container's stdio, its log, who is attached, and the duty to tidy
 * up. One thread, one poll loop. The program's state, for its own files.
 */
#include <stdbool.h>
#include <stdint.h>

#include "compute/system.h"
#include "service/attach_protocol.h"
#include "service/log_file.h"
#include "service/record.h"

/* A client that takes nothing for so long is left behind: output waits for it meanwhile, as it does in a
 * pipe. Whoever started the container and reads it in a pager has longer. */
#define PATIENCE_MS 10000
#define STARTER_PATIENCE_MS 600000
/* What may be left in a pipe or terminal at the end. */
#define REST_MAX ((size_t)1 << 20)

struct client {
	int sock;
	uint32_t streams; /* ATTACH_STDIN, … */
	bool greeted, starter;
	bool hung;          /* ended, with input that is still to be read */
	int64_t stalled_at; /* on clock_ms, since when it takes nothing; 0: it does */
};

/* One of the container's outputs. */
struct stream {
	int fd;             /* owned, non-blocking; -1: over */
	unsigned char type; /* ATTACH_OUTPUT or ATTACH_ERROR_OUTPUT */
	uint32_t flag;      /* ATTACH_STDOUT or ATTACH_STDERR */
	unsigned char data[ATTACH_DATA_MAX];
	size_t len;       /* of data, that not all clients have yet */
	uint64_t pending; /* those, by their place in clients */
	char *rest;       /* owned: what was left when the container ended */
	size_t rest_len, rest_at;
};

struct supervisor {
	struct service service;
	struct record record;
	int alive_fd, listen_fd, signal_fd;
	struct client clients[ATTACH_CLIENTS_MAX];
	size_t clients_len;

	struct attach_size size; /* of the starter's terminal */
	struct compute_launched process;
	int oom_fd;
	bool oom_killed;
	struct stream out[2];
	struct {
		int fd; /* owned, non-blocking; -1: none */
		unsigned char data[ATTACH_DATA_MAX];
		size_t len, at;
		bool over; /* to be closed when data is written */
	} in;
	struct log_file log;

	bool woken;    /* the record is to be looked at */
	bool stopping; /* told to end: no restart */
	int exit_status;
	int64_t started_ms;
	bool network_waits; /* for life_leave_network */
};

/* life.c: one life. Both with the record locked. */
int life_begin(struct supervisor *s, struct error *err);
/* After its process has ended: puts that into the record, and undoes all that life_begin made, but for a
 * network that can wait. */
int life_end(struct supervisor *s, struct error *err);
/* Undoes that too: it is a quarter of the time from the end to the user's prompt. */
int life_leave_network(struct supervisor *s, struct error *err);

/* stdio.c */
struct stdio { /* the container's ends: -1 where it has a terminal */
	int fds[3];
};
int stdio_open(struct supervisor *s, struct stdio *ret, struct error *err);
void stdio_close(struct stdio *stdio);
/* The terminal's master, taken, serves as input and output. 0 or -errno. */
int stdio_terminal(struct supervisor *s, int master);

/* streams.c: from the container to log and clients */
void stream_read(struct supervisor *s, struct stream *stream);
void stream_send(struct supervisor *s, struct stream *stream);
/* Reads what is left when nobody is to write any more. */
void stream_drain(struct supervisor *s, struct stream *stream);
/* Passes on what was left, as far as it is taken at once; true: all of it. */
bool streams_flush(struct supervisor *s);
/* Passes on what was left; returns when all have it or have been waited for. */
void streams_deliver(struct supervisor *s);
void streams_close(struct supervisor *s);

/* clients.c */
/* false: nobody was waiting. */
bool client_accept(struct supervisor *s);
int client_add(struct supervisor *s, int sock, bool starter);
void client_remove(struct supervisor *s, size_t index);
/* Takes one packet. */
void client_read(struct supervisor *s, size_t index);
/* Some client has said what it wants of the container's input. */
void input_write(struct supervisor *s);
void clients_warn(struct supervisor *s, const char *text);
/* Tells the starter that the program runs, or why not. */
void clients_started(struct supervisor *s);
void clients_failed(struct supervisor *s, const struct error *err);
/* The end, to all of them; they are closed. */
void clients_exit(struct supervisor *s);
/* Those that have taken nothing for too long are removed. How long poll may wait, in ms; -1: for ever. */
int clients_expire(struct supervisor *s);

/* loop.c */
/* Until the container's process has ended. */
int loop_run(struct supervisor *s, struct error *err);
/* For ms, or until the user wants no more of it. */
int loop_wait(struct supervisor *s, int64_t ms, struct error *err);
/* One round of poll over all but what the container writes when streams is false. */
int loop_step(struct supervisor *s, bool streams, int timeout_ms, bool *ret_ended,
	      struct error *err);

/* restart.c: whether it is started again, and after how long. */
bool restart_wanted(const struct supervisor *s, unsigned restarts);
int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ms);

/* memory.c: gives back what only starting needed. */
void memory_shrink(void);
