/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A connection to the host side: its requests, and its process if it has one. */
#include "guest/agent.h"
#include "guest/process.h"
#include "guest/worker.h"

struct client {
	struct client *next;
	uint32_t number;
	size_t workers;
	struct process process;
};

/* A frame of the host's but HELLO. 0 or the link's -errno, or -EPROTO. */
int client_frame(struct agent *agent, const struct frame *frame, const uint8_t *body);
/* GONE, or it broke the protocol: kills its process and its workers, and frees it. */
void client_gone(struct agent *agent, struct client *client);
void client_free(struct client *client);
/* The client whose process that is, NULL. */
struct client *client_by_pid(struct agent *agent, pid_t pid);
/* Its process was reaped. */
void client_process_exited(struct agent *agent, struct client *client, int code, int status);
/* Sets the clock to "time" (nanoseconds since the epoch) of a message, if it has it. */
void client_clock(struct agent *agent, json_t *message);
/* The container of that id was removed: another may take its id now, and is not to be removed when
 * the connections of this one end. */
void client_container_removed(struct agent *agent, const char *id);
/* Starts a worker that nobody waits for, for a container. */
struct worker *client_start_internal(struct agent *agent, const struct request_op *op,
				     const char *id);
