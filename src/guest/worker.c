/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/client.h"
#include "wire/message.h"

#define ROOM_MAX (sizeof(struct worker_header) + WIRE_RESPONSE_MAX)
#define READ_SIZE 4096
#define RESULT "{\"result\"" /* how an answer begins that is no error */
/* What a container under Docker or systemd finds; the agent itself has more. */
#define CONTAINER_NOFILE 1024

/* What a container's process inherits from us, and must not: see system.c for the other side. */
static void become_ordinary(bool system)
{
	struct rlimit nofile;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (!system)
		return;
	(void)file_write(AT_FDCWD, "/proc/self/oom_score_adj", "0", 1);
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
		nofile.rlim_cur = CONTAINER_NOFILE;
		(void)setrlimit(RLIMIT_NOFILE, &nofile);
	}
}

/* 0, 1, 2 are the process's; else nothing. Without a descriptor for an error there is no way to say
 * it, but by ending. */
static void take_stdio(const struct request *request, int null_fd)
{
	for (int i = 0; i < 3; i++)
		if (dup2(request->stdio[i] < 0 ? null_fd : request->stdio[i], i) < 0)
			_exit(1);
}

static void warn(const char *message, void *data)
{
	struct request *request = data;

	if (json_array_size(request->warnings) < 16)
		(void)json_array_append_new(request->warnings,
					    json_stringn(message, strnlen(message, 1024)));
}

static _Noreturn void child_main(const struct agent *agent, const struct request *from, int channel)
{
	struct request request = *from;
	struct error err = ERROR_INIT;
	json_t *result = NULL;
	int keep[] = { channel };

	become_ordinary(agent->system);
	take_stdio(&request, agent->null_fd);
	if (fd_close_others(3, keep, ARRAY_SIZE(keep)) < 0)
		_exit(1);
	request.channel = channel;
	request.warnings = json_array();
	request.host = (struct compute_host){ .root = AGENT_STATE,
					      .cgroup_manager = CGROUP_CGROUPFS,
					      .warn = warn,
					      .warn_data = &request };
	if (request.op->run(&request, &result, &err) < 0) {
		json_t *answer = message_error(&err);
		char *text = json_dumps(answer, JSON_COMPACT);

		if (text && !request.answered)
			(void)worker_send(channel, WORKER_ANSWER, text, strlen(text), -1);
		_exit(1);
	}
	if (!request.answered && worker_answer(&request, result) < 0)
		_exit(1);
	_exit(0);
}

int worker_send(int channel, enum worker_message type, const void *data, size_t size, int fd)
{
	struct worker_header header = { type, (uint32_t)size };
	int r = fd_send(channel, &header, sizeof(header), &fd, fd >= 0);

	return r < 0 ? r : fd_write_all(channel, data, size);
}

int worker_answer(struct request *request, json_t *result)
{
	struct error err = ERROR_INIT;
	json_t *answer;
	char *text;
	int r;

	if (!result)
		result = json_object();
	if (json_array_size(request->warnings))
		(void)json_object_set(result, "warnings", request->warnings);
	answer = message_result(result);
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	if (text && strlen(text) > WIRE_RESPONSE_MAX) {
		(void)error_set(&err, E2BIG, "%s: the answer is larger than %d KiB",
				request->op->name, WIRE_RESPONSE_MAX >> 10);
		free(text);
		json_decref(answer);
		answer = message_error(&err);
		text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
		error_done(&err);
	}
	r = text ? worker_send(request->channel, WORKER_ANSWER, text, strlen(text), -1) : -ENOMEM;
	free(text);
	json_decref(answer);
	request->answered = true;
	return r;
}

int worker_start(struct agent *agent, struct client *client, uint32_t number,
		 const struct request *request, struct worker **ret, struct error *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	int pair[2] = { -1, -1 };

	if (!w)
		return error_oom(err);
	/* What cleans up is not to be kept from it. */
	if (client && agent->workers_len >= WORKERS_MAX) {
		free(w);
		return error_set(err, EAGAIN, "more than %d requests at once", WORKERS_MAX);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 || (w->pid = fork()) < 0) {
		int r = error_sys(err, errno, "start a worker");

		(void)close_fd(pair[0]);
		(void)close_fd(pair[1]);
		free(w);
		return r;
	}
	if (w->pid == 0)
		child_main(agent, request, pair[1]);
	(void)close_fd(pair[1]);
	w->channel = pair[0];
	w->client = client;
	w->number = number;
	w->makes_process = request->op->makes_process;
	w->starts = request->op->run == request_start;
	if (request->op->run == request_delete)
		w->deletes = strdup(request->id);
	w->fd = w->poll = -1;
	w->next = agent->workers;
	agent->workers = w;
	agent->workers_len++;
	if (client)
		client->workers++;
	*ret = w;
	return 0;
}

void worker_poll(struct worker *w, struct agent *agent)
{
	bool full = w->len >= ROOM_MAX || !agent_has_room(agent, WIRE_RESPONSE_MAX);

	w->poll = full ? -1 : agent_poll(agent, w->channel, POLLIN, false);
}

/* Reads once. 1: there may be more; 0: not now; -1: never. */
static int read_channel(struct worker *w)
{
	int fds[1];
	size_t n = ARRAY_SIZE(fds);
	ssize_t got;

	if (w->channel < 0 || w->len >= ROOM_MAX)
		return 0;
	if (w->room - w->len < READ_SIZE) {
		size_t room = w->room ? 2 * w->room : (size_t)2 * READ_SIZE;
		uint8_t *data = realloc(w->data, room);

		if (!data)
			return -1;
		w->data = data;
		w->room = room;
	}
	got = fd_receive(w->channel, w->data + w->len, w->room - w->len, fds, &n);
	if (got == -EAGAIN || got == -EINTR)
		return 0;
	if (got <= 0)
		return -1;
	if (n == 1) {
		(void)close_fd(w->fd);
		w->fd = fds[0];
	}
	w->len += (size_t)got;
	return 1;
}

/* The pid that it says is a child of its own, and so soon one of ours. */
static void take_process(struct worker *w, const uint8_t *body, size_t size)
{
	struct process *p = w->client ? &w->client->process : NULL;
	int32_t pid;

	if (size != sizeof(pid))
		return;
	memcpy(&pid, body, sizeof(pid));
	if (p && p->state == PROCESS_STARTING)
		(void)process_started(p, pid, TAKE_FD(w->fd));
	else if (w->makes_process)
		(void)kill(pid, SIGKILL); /* its client went meanwhile */
}

/* Of what nobody waits for; on the console. */
static void report_failure(const uint8_t *body, size_t size)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *result = message_parse(body, size, &err);

	if (!result)
		(void)fprintf(stderr, "agent: %s\n", error_text(&err));
	json_decref(result);
}

static void mark_answered(struct worker *w)
{
	struct process *p = &w->client->process;

	w->answered = true;
	if (w->makes_process)
		p->answered = true;
	/* create or exec that failed: the connection may try again. */
	if (w->makes_process && p->state == PROCESS_STARTING)
		process_done(p);
}

/* One whole message. 1: taken; 0: none, or no room for it; or -errno. */
static int deliver(struct worker *w, struct agent *agent)
{
	const uint8_t *body = w->data + sizeof(struct worker_header);
	struct worker_header header;
	int r = 0;

	if (w->len < sizeof(header))
		return 0;
	memcpy(&header, w->data, sizeof(header));
	if (header.size > WIRE_RESPONSE_MAX)
		return -EPROTO;
	if (w->len - sizeof(header) < header.size)
		return 0;
	if (header.type == WORKER_PROCESS) {
		take_process(w, body, header.size);
	} else if (w->syncs) {
		/* Nobody has asked for it. */
	} else if (w->client) {
		bool done = header.size > strlen(RESULT) && !memcmp(body, RESULT, strlen(RESULT));

		if (!agent_has_room(agent, header.size))
			return 0;
		r = wire_link_send(&agent->link,
				   header.type == WORKER_EVENT ? WIRE_EVENT : WIRE_RESPONSE,
				   w->client->number, w->number, body, header.size);
		if (header.type == WORKER_ANSWER)
			mark_answered(w);
		if (w->deletes && done)
			client_container_removed(agent, w->deletes);
	} else if (header.type == WORKER_ANSWER) {
		report_failure(body, header.size);
	}
	w->len -= sizeof(header) + header.size;
	memmove(w->data, body + header.size, w->len);
	return r < 0 ? r : 1;
}

int worker_step(struct worker *w, struct agent *agent)
{
	int got, r;

	do {
		got = read_channel(w);
		do
			r = deliver(w, agent);
		while (r > 0);
		if (r < 0)
			return r;
	} while (got > 0);
	/* After its end nothing more comes, whoever else may have the channel. */
	if (got < 0 || w->ended)
		w->channel = close_fd(w->channel);
	return 0;
}

void worker_abandon(struct worker *w)
{
	if (w->makes_process && w->client && w->client->process.init &&
	    w->client->process.state == PROCESS_STARTING && !w->cleanup)
		w->cleanup = strdup(w->client->process.id);
	w->client = NULL;
	if (!w->ended)
		(void)kill(w->pid, SIGKILL);
}

bool worker_is_over(const struct worker *w)
{
	return w->ended && w->len == 0;
}

void worker_free(struct worker *w)
{
	(void)close_fd(w->channel);
	(void)close_fd(w->fd);
	free(w->deletes);
	free(w->cleanup);
	free(w->data);
	free(w);
}
