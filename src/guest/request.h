/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The requests that workers do (wire/message.h): each runs in a process of its own. */
#include <jansson.h>

#include "base/error.h"
#include "compute/system.h"

struct request;

struct request_op {
	const char *name;
	/* In the worker: the result (owned by the caller, NULL: {}). */
	int (*run)(struct request *request, json_t **ret_result, struct error *err);
	bool makes_process; /* create and exec: stdio, and a pid for the agent */
	bool needs_id;
};

struct request {
	const struct request_op *op;
	json_t *root;   /* borrowed: see base/json_tree.h */
	const char *id; /* borrowed, valid as one; NULL where op needs none */
	int stdio[3];   /* -1: none */
	bool terminal, system;
	/* In the worker: */
	int channel;
	struct compute_host host;
	json_t *warnings; /* owned */
	bool answered;    /* by the operation itself, before it goes on */
};

/* NULL: none by that name. */
const struct request_op *request_find(const char *name);
/* Not for the host: removes a container by force; writes everything to disk. */
extern const struct request_op request_cleanup, request_sync;

/* Messages from a worker to the agent. */
enum worker_message { WORKER_PROCESS = 1, WORKER_EVENT, WORKER_ANSWER };
struct worker_header {
	uint32_t type, size;
};
/* Sends one; fd with WORKER_PROCESS, -1: none. size ≤ WIRE_RESPONSE_MAX. */
int worker_send(int channel, enum worker_message type, const void *data, size_t size, int fd);
/* Sends {"result": result} (taken), or the error when it is too large. */
int worker_answer(struct request *request, json_t *result);

/* Members of a request: the value, or -EINVAL with the member named. */
int request_string(const struct request *request, const char *key, const char **ret,
		   struct error *err);
/* The text of a member that must be an object; caller frees. */
int request_object(const struct request *request, const char *key, char **ret, size_t *ret_len,
		   struct error *err);
bool request_bool(const struct request *request, const char *key);

/* The operations by file: request_process.c, request_files.c, request_control.c, request_query.c, request_system.c */
int request_create(struct request *request, json_t **ret_result, struct error *err);
int request_start(struct request *request, json_t **ret_result, struct error *err);
int request_exec(struct request *request, json_t **ret_result, struct error *err);
int request_files(struct request *request, json_t **ret_result, struct error *err);
int request_signal(struct request *request, json_t **ret_result, struct error *err);
int request_pause(struct request *request, json_t **ret_result, struct error *err);
int request_resume(struct request *request, json_t **ret_result, struct error *err);
int request_update(struct request *request, json_t **ret_result, struct error *err);
int request_delete(struct request *request, json_t **ret_result, struct error *err);
int request_pids(struct request *request, json_t **ret_result, struct error *err);
int request_processes(struct request *request, json_t **ret_result, struct error *err);
int request_stats(struct request *request, json_t **ret_result, struct error *err);
int request_watch(struct request *request, json_t **ret_result, struct error *err);
int request_network(struct request *request, json_t **ret_result, struct error *err);
