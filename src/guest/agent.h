/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent: one loop without threads that never waits for anything but poll(2). What may take time
 * is done by workers, forked for one request each (worker.h); the processes of containers are this
 * process's children, by being orphans of their workers.
 */
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "wire/link.h"

/* All of the guest's agent below; nothing of it is a host path. */
#define AGENT_RUN "/run/hcs"
#define AGENT_STATE AGENT_RUN "/state"
#define AGENT_BUNDLES AGENT_RUN "/bundle"
#define AGENT_TEMP AGENT_RUN "/tmp"

#define CLIENTS_MAX 256
#define WORKERS_MAX 128
#define CLIENT_WORKERS_MAX 16
/* What may wait for the host: two answers of the largest size. */
#define LINK_LIMIT (2 * WIRE_RESPONSE_MAX + (512 << 10))

struct client;
struct worker;

struct agent {
	struct wire_link link;
	int signal_fd, null_fd; /* owned */
	bool system;            /* PID 1 of a VM; else it serves a test */
	bool greeted;           /* the host answered HELLO */
	bool stalled;           /* something waits for room in the link alone */
	struct client *clients; /* owned lists */
	struct worker *workers;
	size_t clients_len, workers_len;
	struct pollfd *polls; /* owned */
	size_t polls_len, polls_room;
};

/* Says HELLO over port (taken) in blocking mode, so that the host may come later than the guest. */
int agent_init(struct agent *agent, int port, bool system, struct error *err);
void agent_done(struct agent *agent);
/* Serves until the port ends (0) or the host breaks the protocol (-EPROTO). */
int agent_run(struct agent *agent, struct error *err);

/* Adds to what poll waits for: an index for agent_polled, -1 when events is 0 and not always. */
int agent_poll(struct agent *agent, int fd, short events, bool always);
/* What poll(2) said of it; 0 for index -1. */
short agent_polled(const struct agent *agent, int index);
/* Room for a frame with size bytes: asked before something is made that must be sent. Without it the
 * asker is asked again when there is some. */
bool agent_has_room(struct agent *agent, size_t size);
/* Sends an answer of a request, which is taken (NULL: no memory). */
int agent_respond(struct agent *agent, uint32_t client, uint32_t number, json_t *answer);
