/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What vmwp does all its life: frames from clients to the agent and back (wire/frame.h). The guest
 * may be hostile: what it sends must be something that a client has asked for, or the VM ends. A
 * client that breaks the protocol, or does not read what it asked for, is disconnected.
 *
 * Bounds: a client may have what it has given credit for, one answer and a little more waiting; the
 * agent, one request beside ROUTER_AGENT_SLACK. While that much waits for the agent, nothing is read
 * from clients. Each step takes at most one buffer from each side, so that none starves another.
 */
#include <poll.h>

#include "wire/link.h"

#define ROUTER_CLIENTS_MAX 64
#define ROUTER_POLLFDS (1 + ROUTER_CLIENTS_MAX)

struct router_client {
	struct wire_link link;
	uint32_t number;
	uint32_t unanswered; /* requests */
	uint64_t credit[3];  /* bytes of a stream that the guest may still send */
	bool known;          /* the agent has heard of it */
	bool over;           /* to be taken away */
};

struct router {
	struct wire_link agent;
	struct router_client *clients[ROUTER_CLIENTS_MAX]; /* owned */
	size_t clients_len, turn;
	uint32_t next_number;
	const char *monitor, *accelerator; /* borrowed, for HELLO */
	char *hello; /* owned: what clients are told; NULL: agent not there yet */
};

/* Takes agent_fd. */
int router_init(struct router *router, int agent_fd, const char *monitor, const char *accelerator,
		struct error *err);
void router_done(struct router *router);
/* Takes the connection fd; beyond ROUTER_CLIENTS_MAX it is closed. */
void router_add_client(struct router *router, int fd);
/* The agent has said HELLO. */
bool router_is_up(const struct router *router);
/* What to poll(2) for: the agent first, then clients. Returns how many. */
size_t router_poll(const struct router *router, struct pollfd fds[ROUTER_POLLFDS]);
/* After poll, with the same descriptors. 0, or the VM is over: -ECONNRESET without words when the
 * agent's side was closed, another error with them. */
int router_step(struct router *router, const struct pollfd *fds, struct error *err);
/* The last message to all clients: why the VM has ended. Waits up to timeout_ms until they have
 * taken it. */
void router_end(struct router *router, const char *reason, int timeout_ms);
