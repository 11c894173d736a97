/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/pid.h"
#include "guest/client.h"
#include "guest/worker.h"
#include "wire/message.h"

static int say_hello(int port, struct error *err)
{
	uint8_t header[WIRE_HEADER];
	struct frame frame = { .type = WIRE_HELLO };
	struct utsname name;
	json_t *hello;
	char *text;
	int r;

	(void)uname(&name);
	hello = json_pack("{s:i, s:i, s:s}", "protocol", WIRE_PROTOCOL, "minimum", 1, "kernel",
			  name.release);
	text = hello ? json_dumps(hello, JSON_COMPACT) : NULL;
	json_decref(hello);
	if (!text)
		return error_oom(err);
	frame.size = (uint32_t)strlen(text);
	frame_encode(&frame, header);
	r = fd_write_all(port, header, sizeof(header));
	if (r == 0)
		r = fd_write_all(port, text, frame.size);
	free(text);
	return r < 0 ? error_sys(err, -r, "greet the host") : 0;
}

int agent_init(struct agent *agent, int port, bool system, struct error *err)
{
	sigset_t mask;
	int r = say_hello(port, err);

	*agent = (struct agent){ .signal_fd = -1, .null_fd = -1, .system = system };
	agent->link = WIRE_LINK_INIT;
	if (r < 0) {
		(void)close_fd(port);
		return r;
	}
	r = wire_link_init(&agent->link, port, WIRE_TO_GUEST, LINK_LIMIT, err);
	if (r < 0)
		return r;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	agent->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	agent->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (agent->signal_fd < 0 || agent->null_fd < 0)
		return error_sys(err, errno, "signalfd, /dev/null");
	return 0;
}

void agent_done(struct agent *agent)
{
	while (agent->workers) {
		struct worker *w = agent->workers;

		agent->workers = w->next;
		worker_free(w);
	}
	while (agent->clients) {
		struct client *c = agent->clients;

		agent->clients = c->next;
		client_free(c);
	}
	wire_link_done(&agent->link);
	agent->signal_fd = close_fd(agent->signal_fd);
	agent->null_fd = close_fd(agent->null_fd);
	free(TAKE_PTR(agent->polls));
}

int agent_poll(struct agent *agent, int fd, short events, bool always)
{
	if (fd < 0 || (!events && !always))
		return -1;
	if (agent->polls_len == agent->polls_room) {
		size_t room = agent->polls_room ? 2 * agent->polls_room : 16;
		struct pollfd *polls = realloc(agent->polls, room * sizeof(*polls));

		if (!polls) /* looked at again at the next turn */
			return -1;
		agent->polls = polls;
		agent->polls_room = room;
	}
	agent->polls[agent->polls_len] = (struct pollfd){ .fd = fd, .events = events };
	return (int)agent->polls_len++;
}

short agent_polled(const struct agent *agent, int index)
{
	return index < 0 ? 0 : agent->polls[index].revents;
}

bool agent_has_room(struct agent *agent, size_t size)
{
	bool room = wire_link_room(&agent->link) >= size + WIRE_HEADER;

	agent->stalled |= !room;
	return room;
}

int agent_respond(struct agent *agent, uint32_t client, uint32_t number, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	int r;

	r = text ? wire_link_send(&agent->link, WIRE_RESPONSE, client, number, text, strlen(text))
		 : -ENOMEM;
	free(text);
	json_decref(answer);
	return r;
}

/* A worker that ended without an answer, or whose client went, may have left what it was making:
 * children of ours that nobody knows. */
static void kill_unknown_children(struct agent *agent)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct pid_stat stat;
		bool known = false;

		if (pid <= 0 || pid_read_stat(pid, &stat) < 0 || stat.ppid != getpid())
			continue;
		for (struct worker *w = agent->workers; w && !known; w = w->next)
			known = !w->ended && w->pid == pid;
		if (!known && !client_by_pid(agent, pid))
			(void)kill(pid, SIGKILL);
	}
}

/* What all workers have said so far. */
static int hear_workers(struct agent *agent)
{
	int r = 0;

	for (struct worker *w = agent->workers; w && r == 0; w = w->next)
		r = worker_step(w, agent);
	return r;
}

static int fail_unanswered(struct agent *agent, struct worker *w, int code, int status)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct process *p = &w->client->process;

	(void)error_set(&err, EIO, "the agent's worker %s %d before it answered%s",
			code == CLD_EXITED ? "ended with status" : "was killed by signal", status,
			code != CLD_EXITED && status == SIGKILL ? ": out of memory?" : "");
	if (w->makes_process && p->state != PROCESS_NONE) {
		if (p->init && !w->cleanup)
			w->cleanup = strdup(p->id);
		process_kill(p);
		process_done(p);
	}
	w->answered = true;
	return agent_respond(agent, w->client->number, w->number, message_error(&err));
}

static int worker_ended(struct agent *agent, struct worker *w, int code, int status)
{
	bool answered_before = w->answered;
	int r;

	w->ended = true;
	r = worker_step(w, agent);
	if (r < 0)
		return r;
	if (w->syncs && w->client)
		w->client->process.syncing = false;
	else if (w->client && !w->answered && w->len == 0)
		r = fail_unanswered(agent, w, code, status);
	if (w->makes_process && (!w->client || !answered_before))
		r = r < 0 ? r : hear_workers(agent);
	if (w->makes_process && !w->client)
		kill_unknown_children(agent);
	if (w->cleanup)
		(void)client_start_internal(agent, &request_cleanup, w->cleanup);
	return r;
}

static int reaped(struct agent *agent, const siginfo_t *info)
{
	struct client *client;
	int r;

	for (struct worker *w = agent->workers; w; w = w->next)
		if (w->pid == info->si_pid && !w->ended)
			return worker_ended(agent, w, info->si_code, info->si_status);
	client = client_by_pid(agent, info->si_pid);
	if (!client) {
		/* Its worker has ended, and so has told of it: perhaps since we last looked. */
		r = hear_workers(agent);
		if (r < 0)
			return r;
		client = client_by_pid(agent, info->si_pid);
	}
	if (client)
		client_process_exited(agent, client, info->si_code, info->si_status);
	return 0;
}

static int reap(struct agent *agent)
{
	struct signalfd_siginfo ignored;
	int r = 0;

	while (read(agent->signal_fd, &ignored, sizeof(ignored)) > 0)
		;
	while (r == 0) {
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
			break;
		r = reaped(agent, &info);
	}
	return r;
}

static void free_ended_workers(struct agent *agent)
{
	struct worker **at = &agent->workers;

	while (*at) {
		struct worker *w = *at;

		if (!worker_is_over(w)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		agent->workers_len--;
		if (w->client)
			w->client->workers--;
		worker_free(w);
	}
}

/* The host's HELLO: its choice of protocol, and the time. */
static int take_hello(struct agent *agent, const struct frame *frame, const uint8_t *body,
		      struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	json_int_t protocol;
	int r;

	if (frame->type != WIRE_HELLO || agent->greeted)
		return error_set(err, EPROTO, "the host did not say HELLO first, or twice");
	r = json_doc_parse((const char *)body, frame->size, &doc, err);
	if (r < 0)
		return r;
	protocol = json_integer_value(json_object_get(doc.root, "protocol"));
	if (protocol != WIRE_PROTOCOL)
		return error_set(err, EPROTO, "the host speaks protocol %lld", (long long)protocol);
	agent->greeted = true;
	client_clock(agent, doc.root);
	return 0;
}

/* Requests are only taken while there is room for what they may make us send. */
static int take_frames(struct agent *agent, struct error *err)
{
	const uint8_t *body;
	struct frame frame;
	int r;

	while (agent_has_room(agent, WIRE_RESPONSE_MAX)) {
		r = wire_link_next(&agent->link, &frame, &body);
		if (r == 0)
			return 0;
		if (r > 0 && (frame.type == WIRE_HELLO || !agent->greeted)) {
			r = take_hello(agent, &frame, body, err);
			if (r < 0)
				return r;
			continue;
		}
		if (r > 0)
			r = client_frame(agent, &frame, body);
		if (r == -EPIPE)
			agent->link.ended = true;
		if (r == -EPIPE)
			return 0;
		if (r < 0)
			return error_sys(err, -r, "the host's frames");
	}
	return 0;
}

static void wait_events(struct agent *agent, int *ret_link, int *ret_signal)
{
	bool room = agent_has_room(agent, WIRE_RESPONSE_MAX);
	int timeout = -1;

	agent->polls_len = 0;
	*ret_link = agent_poll(agent, agent->link.fd, wire_link_events(&agent->link, room), false);
	*ret_signal = agent_poll(agent, agent->signal_fd, POLLIN, false);
	for (struct client *c = agent->clients; c; c = c->next)
		process_poll(&c->process, agent);
	for (struct worker *w = agent->workers; w; w = w->next)
		worker_poll(w, agent);
	/* What has room again since it asked must not wait for another event. */
	if (agent->stalled && wire_link_waiting(&agent->link) < WIRE_LINK_BUSY)
		timeout = 0;
	agent->stalled = false;
	if (poll(agent->polls, agent->polls_len, timeout) < 0)
		for (size_t i = 0; i < agent->polls_len; i++)
			agent->polls[i].revents = 0;
}

/* A program may end before the command that started it: the answer goes first. */
static bool is_starting(const struct agent *agent, const struct client *client)
{
	for (struct worker *w = agent->workers; w; w = w->next)
		if (w->client == client && w->starts && !w->answered)
			return true;
	return false;
}

static int turn(struct agent *agent, struct error *err)
{
	int link, signals, r = 0;

	wait_events(agent, &link, &signals);
	if (agent_polled(agent, link) & POLLOUT)
		r = wire_link_flush(&agent->link);
	if (r == 0 && agent_polled(agent, link) & ~POLLOUT)
		r = wire_link_receive(&agent->link);
	if (r == 0) {
		r = take_frames(agent, err);
		if (r < 0)
			return r;
	}
	for (struct client *c = agent->clients; c && r == 0; c = c->next)
		r = process_step(&c->process, agent);
	for (struct worker *w = agent->workers; w && r == 0; w = w->next)
		if (agent_polled(agent, w->poll) || w->len)
			r = worker_step(w, agent);
	if (r == 0 && agent_polled(agent, signals))
		r = reap(agent);
	for (struct client *c = agent->clients; c && r == 0; c = c->next)
		if (!is_starting(agent, c))
			r = process_finish(&c->process, agent, c->number);
	free_ended_workers(agent);
	if (r < 0 && r != -EPIPE)
		return error_sys(err, -r, "the connection to the host");
	if (r == -EPIPE)
		agent->link.ended = true;
	return 0;
}

int agent_run(struct agent *agent, struct error *err)
{
	int r = 0;

	while (r == 0 && !agent->link.ended)
		r = turn(agent, err);
	return r;
}
