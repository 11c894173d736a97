/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A process forked for one request. It tells what it did over a socket pair: the pid of the
 * container's process that it made (and left to us by ending), events, the answer. It may be killed at
 * any instant, as any command on a host may be.
 */
#include "guest/agent.h"
#include "guest/request.h"

struct worker {
	struct worker *next;
	pid_t pid;
	int channel;           /* owned, nonblocking */
	struct client *client; /* NULL: nobody waits for it */
	uint32_t number;       /* of the request */
	bool makes_process;    /* create or exec */
	bool syncs;            /* what an init wrote, before its EXIT */
	bool starts;           /* a container, whose EXIT comes after the answer */
	bool answered, ended;
	char *deletes; /* owned: id of the container that it removes */
	char *cleanup; /* owned: id of a container to be removed when this worker has ended */
	uint8_t *data; /* owned: what came from it and is not delivered yet */
	size_t len, room;
	int fd; /* owned: came with it */
	int poll;
};

/* Forks; in the child request runs and the child ends. client NULL: nobody is answered. The request
 * is the caller's. */
int worker_start(struct agent *agent, struct client *client, uint32_t number,
		 const struct request *request, struct worker **ret, struct error *err);
void worker_poll(struct worker *w, struct agent *agent);
/* Reads what it said, and passes on what there is room for. 0 or the link's -errno. */
int worker_step(struct worker *w, struct agent *agent);
/* Its client has gone: kills it. What it made is destroyed when it has ended. */
void worker_abandon(struct worker *w);
/* Everything of it is delivered, and it is reaped. */
bool worker_is_over(const struct worker *w);
void worker_free(struct worker *w);
