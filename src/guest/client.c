/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "wire/message.h"

/* A clock that is as near as this is left alone. */
#define CLOCK_SLACK_NS 1000000

static struct client *find(struct agent *agent, uint32_t number)
{
	struct client *c = agent->clients;

	while (c && c->number != number)
		c = c->next;
	return c;
}

struct client *client_by_pid(struct agent *agent, pid_t pid)
{
	for (struct client *c = agent->clients; c; c = c->next)
		if (c->process.state == PROCESS_RUNNING && c->process.pid == pid)
			return c;
	return NULL;
}

static struct client *make(struct agent *agent, uint32_t number, struct error *err)
{
	struct client *c;

	if (agent->clients_len >= CLIENTS_MAX) {
		(void)error_set(err, EMFILE, "more than %d connections to the utility VM",
				CLIENTS_MAX);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		(void)error_oom(err);
		return NULL;
	}
	c->number = number;
	process_init(&c->process);
	c->next = agent->clients;
	agent->clients = c;
	agent->clients_len++;
	return c;
}

void client_free(struct client *client)
{
	process_done(&client->process);
	free(client);
}

struct worker *client_start_internal(struct agent *agent, const struct request_op *op,
				     const char *id)
{
	struct request request = {
		.op = op, .id = id, .stdio = { -1, -1, -1 }, .system = agent->system
	};
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct worker *w = NULL;

	(void)worker_start(agent, NULL, 0, &request, &w, &ignored);
	return w;
}

void client_gone(struct agent *agent, struct client *client)
{
	struct process *p = &client->process;
	bool cleaning = false;

	for (struct worker *w = agent->workers; w; w = w->next) {
		if (w->client != client)
			continue;
		worker_abandon(w);
		cleaning |= w->cleanup != NULL;
	}
	process_kill(p);
	/* An init that has ended too: its container is still there. */
	if (p->init && p->state != PROCESS_NONE && !cleaning)
		(void)client_start_internal(agent, &request_cleanup, p->id);
	for (struct client **at = &agent->clients; *at; at = &(*at)->next)
		if (*at == client) {
			*at = client->next;
			agent->clients_len--;
			break;
		}
	client_free(client);
}

void client_process_exited(struct agent *agent, struct client *client, int code, int status)
{
	struct worker *w;

	process_exited(&client->process, code, status);
	if (!client->process.init || !agent->system)
		return;
	/* What it wrote must not be lost with the VM, which may end at once. */
	w = client_start_internal(agent, &request_sync, NULL);
	if (w) {
		w->client = client;
		client->workers++;
		w->syncs = true;
		client->process.syncing = true;
	}
}

void client_container_removed(struct agent *agent, const char *id)
{
	for (struct client *c = agent->clients; c; c = c->next)
		if (c->process.init && !strcmp(c->process.id, id) &&
		    (c->process.state == PROCESS_EXITED || c->process.state == PROCESS_DONE))
			c->process.init = false;
}

static void set_clock(json_t *value)
{
	int64_t ns = json_integer_value(value), now;
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (ns <= 0 || llabs(ns - now) <= CLOCK_SLACK_NS)
		return;
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	(void)clock_settime(CLOCK_REALTIME, &ts);
}

void client_clock(struct agent *agent, json_t *message)
{
	json_t *value = json_object_get(message, "time");

	if (agent->system && json_is_integer(value))
		set_clock(value);
}

static int get_number(json_t *root, const char *key, json_int_t max, int *ret, struct error *err)
{
	json_t *value = json_object_get(root, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max)
		return error_set(err, EINVAL, "%s: expected a number up to %lld", key,
				 (long long)max);
	*ret = (int)json_integer_value(value);
	return 0;
}

/* What needs no worker: of the connection's own process. 1: done; 0: not such a request. */
static int run_here(struct client *client, const char *op, json_t *root, struct error *err)
{
	struct process *p = &client->process;
	int r, a = 0, b = 0;

	if (!strcmp(op, "signal") && !json_object_get(root, "id")) {
		r = get_number(root, "signal", SIGRTMAX, &a, err);
		if (r == 0)
			r = process_signal(p, a, err);
	} else if (!strcmp(op, "resize")) {
		r = get_number(root, "width", UINT16_MAX, &a, err);
		if (r == 0)
			r = get_number(root, "height", UINT16_MAX, &b, err);
		if (r == 0)
			r = process_resize(p, (unsigned)a, (unsigned)b, err);
	} else if (!strcmp(op, "hangup")) {
		r = process_hangup(p, err);
	} else {
		return 0;
	}
	return r < 0 ? r : 1;
}

/* Of create's configuration, or exec's process. */
static bool wants_terminal(json_t *root)
{
	json_t *process = json_object_get(root, "process");

	if (!process)
		process = json_object_get(json_object_get(root, "config"), "process");
	return json_is_true(json_object_get(process, "terminal"));
}

static int start_worker(struct agent *agent, struct client *client, uint32_t number,
			struct request *request, struct error *err)
{
	const struct request_op *op = request->op;
	struct worker *w;
	int r = 0;

	request->id = json_string_value(json_object_get(request->root, "id"));
	if (op->needs_id && !request->id)
		return error_set(err, EINVAL, "id: expected a string");
	if (request->id)
		r = compute_check_id(request->id, err);
	if (r < 0)
		return r;
	if (client->workers >= CLIENT_WORKERS_MAX)
		return error_set(err, EAGAIN, "more than %d requests of a connection at once",
				 CLIENT_WORKERS_MAX);
	if (op->makes_process) {
		if (client->process.state != PROCESS_NONE)
			return error_set(err, EBUSY, "the connection has a process already");
		request->terminal = wants_terminal(request->root);
		r = process_prepare(&client->process, client->number, op->run == request_create,
				    request->terminal, request->id, request->stdio, err);
		if (r < 0)
			return r;
	}
	r = worker_start(agent, client, number, request, &w, err);
	for (int i = 0; i < 3; i++)
		request->stdio[i] = close_fd(request->stdio[i]);
	if (r < 0 && op->makes_process)
		process_done(&client->process);
	return r;
}

/* 1: answered by a worker later; 0: done. */
static int run_request(struct agent *agent, struct client *client, uint32_t number,
		       struct request *request, struct error *err)
{
	const char *name = json_string_value(json_object_get(request->root, "op"));
	int r;

	if (!name)
		return error_set(err, EINVAL, "op: expected a string");
	client_clock(agent, request->root);
	r = run_here(client, name, request->root, err);
	if (r != 0)
		return r < 0 ? r : 0;
	request->op = request_find(name);
	if (!request->op) {
		char text[JSON_PRINTABLE_SIZE];

		return error_set(err, EOPNOTSUPP, "op: \"%s\" is not known",
				 json_printable(name, text));
	}
	r = start_worker(agent, client, number, request, err);
	return r < 0 ? r : 1;
}

static int take_request(struct agent *agent, struct client *client, const struct frame *frame,
			const uint8_t *body)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct request request = { .stdio = { -1, -1, -1 }, .system = agent->system };
	int r = 0;

	if (!client)
		client = make(agent, frame->client, &err);
	if (!client)
		r = -err.code;
	if (r == 0)
		r = json_tree_parse((const char *)body, frame->size, &request.root, &err);
	if (r == 0 && !json_is_object(request.root))
		r = error_set(&err, EINVAL, "expected an object");
	if (r == 0)
		r = run_request(agent, client, frame->number, &request, &err);
	json_decref(request.root);
	if (r > 0)
		return 0;
	return agent_respond(agent, frame->client, frame->number,
			     r < 0 ? message_error(&err) : message_result(NULL));
}

int client_frame(struct agent *agent, const struct frame *frame, const uint8_t *body)
{
	struct client *client = find(agent, frame->client);
	int r;

	if (frame->type == WIRE_REQUEST)
		return take_request(agent, client, frame, body);
	if (!client) /* it has gone, or its process has */
		return 0;
	if (frame->type == WIRE_GONE) {
		client_gone(agent, client);
		return 0;
	}
	r = process_frame(&client->process, agent, frame, body);
	if (r == -EPROTO) {
		client_gone(agent, client);
		return 0;
	}
	return r;
}
