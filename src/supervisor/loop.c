/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/pid.h"
#include "base/signal_name.h"
#include "supervisor/supervisor.h"

enum { P_SIGNALS, P_LISTEN, P_PROCESS, P_OOM, P_IN, P_OUT, P_CLIENTS = P_OUT + 2 };

/* Orphans of the container, and helpers that a killed one of ours had; its own process is left for
 * pidfd_reap. */
static void reap_others(pid_t own)
{
	siginfo_t child;

	while (child.si_pid = 0, waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 &&
					 child.si_pid != 0 && child.si_pid != own)
		(void)waitpid(child.si_pid, NULL, WNOHANG);
}

static void forward_stop(struct supervisor *s)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const char *name = s->record.config.stop_signal;
	int sig = name ? signal_from_name(name) : SIGTERM;

	s->stopping = true;
	if (s->process.pidfd >= 0)
		(void)compute_signal(&s->service.host, s->record.id, sig > 0 ? sig : SIGTERM, false,
				     &ignored);
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap_others(s->process.pid);
		else if (info.ssi_signo == SIGHUP)
			s->woken = true;
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			forward_stop(s); /* the host is shut down */
	}
}

static void take_oom(struct supervisor *s)
{
	int r = compute_oom_drain(s->record.config.isolation, s->oom_fd);

	if (r > 0)
		s->oom_killed = true;
	else if (r < 0)
		s->oom_fd = close_fd(s->oom_fd);
}

static short client_events(const struct supervisor *s, size_t i)
{
	const struct client *client = &s->clients[i];
	short events = 0;

	/* Input that the container does not take holds up whoever sends it. */
	if (s->in.len == 0 || !(client->streams & ATTACH_STDIN))
		events |= POLLIN;
	if ((s->out[0].pending | s->out[1].pending) >> i & 1)
		events |= POLLOUT;
	return events;
}

static nfds_t prepare(const struct supervisor *s, bool streams, struct pollfd *p)
{
	p[P_SIGNALS] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	p[P_LISTEN] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
	p[P_PROCESS] = (struct pollfd){ .fd = s->process.pidfd, .events = POLLIN };
	p[P_OOM] = (struct pollfd){ .fd = s->oom_fd, .events = POLLIN };
	p[P_IN] = (struct pollfd){ .fd = s->in.len > 0 ? s->in.fd : -1, .events = POLLOUT };
	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++)
		p[P_OUT + i] =
			(struct pollfd){ .fd = streams && s->out[i].len == 0 ? s->out[i].fd : -1,
					 .events = POLLIN };
	for (size_t i = 0; i < s->clients_len; i++) {
		short events = client_events(s, i);

		p[P_CLIENTS + i] = (struct pollfd){
			.fd = s->clients[i].hung && events == 0 ? -1 : s->clients[i].sock,
			.events = events,
		};
	}
	return P_CLIENTS + s->clients_len;
}

/* From the last to the first, since one that is removed gives its place to the last. */
static void serve_clients(struct supervisor *s, const struct pollfd *p)
{
	for (size_t i = s->clients_len; i-- > 0;) {
		short revents = p[i].revents, events = p[i].events;

		if (revents & (POLLHUP | POLLERR))
			s->clients[i].hung = true;
		if (revents & POLLOUT)
			for (size_t k = 0; k < ARRAY_SIZE(s->out); k++)
				if (s->out[k].pending)
					stream_send(s, &s->out[k]);
		if (events & POLLIN && revents & (POLLIN | POLLHUP | POLLERR))
			client_read(s, i);
	}
}

int loop_step(struct supervisor *s, bool streams, int timeout_ms, bool *ret_ended,
	      struct error *err)
{
	struct pollfd p[P_CLIENTS + ATTACH_CLIENTS_MAX];
	int patience = clients_expire(s);
	nfds_t n = prepare(s, streams, p);

	*ret_ended = false;
	if (timeout_ms < 0 || (patience >= 0 && patience < timeout_ms))
		timeout_ms = patience;
	if (poll(p, n, timeout_ms) < 0)
		return errno == EINTR ? 0 : error_sys(err, errno, "poll");
	if (p[P_SIGNALS].revents)
		take_signals(s);
	if (p[P_OOM].revents)
		take_oom(s);
	if (p[P_IN].revents)
		input_write(s);
	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++)
		if (p[P_OUT + i].revents && s->out[i].len == 0)
			stream_read(s, &s->out[i]);
	serve_clients(s, p + P_CLIENTS);
	/* New ones last: they have no place in p. */
	if (p[P_LISTEN].revents)
		(void)client_accept(s);
	*ret_ended = p[P_PROCESS].revents != 0;
	return 0;
}

int loop_run(struct supervisor *s, struct error *err)
{
	bool ended = false;
	int r = 0;

	while (r == 0 && !ended)
		r = loop_step(s, true, -1, &ended, err);
	return r;
}

int loop_wait(struct supervisor *s, int64_t ms, struct error *err)
{
	int64_t due = clock_ms() + ms;
	bool ended;
	int r = 0;

	while (r == 0 && !s->woken && !s->stopping) {
		int64_t left = due - clock_ms();

		if (left <= 0)
			break;
		r = loop_step(s, false, (int)left, &ended, err);
	}
	return r;
}
