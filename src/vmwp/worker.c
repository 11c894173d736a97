/* SPDX-License-Identifier: Apache-2.0 */
#include "vmwp/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "vmproc/protocol.h"

/* How long clients have to take the last message. */
#define END_PATIENCE_MS 200
/* When one helper ends the others follow: which one was first shows in how they ended. */
#define AFTERMATH_MS 300
#define LAST_READS 64
#define QUOTE_MAX 700
#define REASON_MAX 2048

enum { OWNER, LISTENER, CONSOLE, MONITOR, MONITOR_ERRORS, SHARE, SHARE_ERRORS, ROUTER };

/* How a helper has ended. */
struct ending {
	bool ended;
	int status; /* as of wait(2) */
};

struct run {
	struct worker *w;
	struct ending monitor, share;
	bool agent_closed;
	int64_t deadline; /* for HELLO */
};

/* As the first process of its namespace it inherits every orphan. */
static void reap(struct run *run)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct helper *helper = NULL;
		struct ending *ending = NULL;

		if (pid == run->w->machine.monitor.pid) {
			helper = &run->w->machine.monitor;
			ending = &run->monitor;
		} else if (pid == run->w->share.helper.pid) {
			helper = &run->w->share.helper;
			ending = &run->share;
		}
		if (!helper)
			continue;
		helper->pid = 0;
		*ending = (struct ending){ .ended = true, .status = status };
	}
}

static size_t poll_set(const struct worker *w, struct pollfd *fds)
{
	fds[OWNER] = (struct pollfd){ .fd = w->owner, .events = POLLIN };
	fds[LISTENER] = (struct pollfd){ .fd = w->listener, .events = POLLIN };
	fds[CONSOLE] = (struct pollfd){ .fd = w->machine.console, .events = POLLIN };
	fds[MONITOR] = (struct pollfd){ .fd = w->machine.monitor.pidfd, .events = POLLIN };
	fds[MONITOR_ERRORS] = (struct pollfd){ .fd = w->machine.monitor.errors, .events = POLLIN };
	fds[SHARE] = (struct pollfd){ .fd = w->share.helper.pidfd, .events = POLLIN };
	fds[SHARE_ERRORS] = (struct pollfd){ .fd = w->share.helper.errors, .events = POLLIN };
	return ROUTER + router_poll(&w->router, fds + ROUTER);
}

static void read_tails(struct worker *w, const struct pollfd *fds)
{
	struct {
		struct tail *tail;
		int *fd;
		short events;
	} all[] = {
		{ &w->console, &w->machine.console, fds[CONSOLE].revents },
		{ &w->monitor_errors, &w->machine.monitor.errors, fds[MONITOR_ERRORS].revents },
		{ &w->share_errors, &w->share.helper.errors, fds[SHARE_ERRORS].revents },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].events && !tail_read(all[i].tail, *all[i].fd))
			*all[i].fd = close_fd(*all[i].fd);
}

static void accept_clients(struct worker *w)
{
	int fd;

	while ((fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		router_add_client(&w->router, fd);
}

/* Its end, or its one word. 0, -EOWNERDEAD, or -ETIMEDOUT: the agent does not answer it. */
static int hear_owner(const struct worker *w, short events)
{
	char message[64];
	ssize_t n;

	if (!events)
		return 0;
	n = recv(w->owner, message, sizeof(message), MSG_DONTWAIT);
	if (n > 0)
		return -ETIMEDOUT;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EOWNERDEAD;
}

/* After one end the other ones and the last words are waited for, a moment. */
static void await_aftermath(struct run *run)
{
	int64_t deadline = clock_ms() + AFTERMATH_MS, left;
	struct pollfd fds[ROUTER + ROUTER_POLLFDS];
	struct worker *w = run->w;

	while ((left = deadline - clock_ms()) > 0) {
		(void)poll_set(w, fds);
		/* The monitor's end says it all, and what it wrote before has been read then. */
		if (run->monitor.ended && w->machine.console < 0 && w->machine.monitor.errors < 0)
			return;
		if (WIFSIGNALED(run->share.status) && run->share.ended)
			return;
		if (run->monitor.ended)
			fds[MONITOR].fd = -1;
		if (run->share.ended)
			fds[SHARE].fd = -1;
		fds[OWNER].fd = fds[LISTENER].fd = -1;
		if (poll(fds, ROUTER, (int)left) > 0)
			read_tails(w, fds);
		reap(run);
	}
}

/* What the guest had said before: an exit status is final, whatever became of the VM. The monitor has
 * ended or is about to, so it is no more than a socket holds. */
static void take_last_frames(struct worker *w)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct pollfd fds[ROUTER + ROUTER_POLLFDS];

	for (int i = 0; i < LAST_READS; i++) {
		(void)poll_set(w, fds);
		if (poll(fds + ROUTER, 1, 0) <= 0 || !(fds[ROUTER].revents & POLLIN) ||
		    router_step(&w->router, fds + ROUTER, &ignored) < 0)
			return;
	}
}

static size_t add(char *reason, size_t n, const char *before, const char *text, const char *after)
{
	int more = snprintf(reason + n, REASON_MAX - n, "%s%s%s", before, text, after);

	return more < 0 || n + (size_t)more >= REASON_MAX ? n : n + (size_t)more;
}

static size_t add_status(char *reason, size_t n, const char *who, int status)
{
	char text[96];

	if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text), "%s was killed by signal %d (SIG%s)", who,
			       WTERMSIG(status),
			       sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status))
							      : "?");
	else
		(void)snprintf(text, sizeof(text), "%s ended with status %d", who,
			       WEXITSTATUS(status));
	return add(reason, n, "", text, "");
}

/* What the guest's kernel said last; its panic before anything else. */
static size_t add_console(const struct worker *w, char *reason, size_t n)
{
	char quote[QUOTE_MAX];

	tail_lines(&w->console, "Kernel panic", quote, sizeof(quote));
	return *quote ? add(reason, n, "; the console's last lines: ", quote, "") : n;
}

static size_t add_errors(const struct tail *tail, char *reason, size_t n)
{
	char quote[QUOTE_MAX];

	tail_lines(tail, NULL, quote, sizeof(quote));
	return *quote ? add(reason, n, ": ", quote, "") : n;
}

static void explain_end(const struct run *run, const struct error *err, char *reason)
{
	const struct worker *w = run->w;
	bool clean = run->monitor.ended && WIFEXITED(run->monitor.status) &&
		     WEXITSTATUS(run->monitor.status) == 0;
	size_t n = 0;

	if (err->code) {
		(void)add(reason, 0, "", error_text(err), "");
		return;
	}
	if (run->share.ended && (run->share.status != 0 || !run->monitor.ended)) {
		n = add_status(reason, n, "the share's daemon (virtiofsd)", run->share.status);
		(void)add_errors(&w->share_errors, reason, n);
		return;
	}
	if (clean && memmem(w->console.data, w->console.len, "Kernel panic", 12)) {
		n = add(reason, n, "the VM's kernel panicked", "", "");
	} else if (clean) {
		n = add(reason, n, "the VM powered off or restarted", "", "");
	} else if (run->monitor.ended) {
		n = add_status(reason, n, "the VM's monitor (QEMU)", run->monitor.status);
		n = add_errors(&w->monitor_errors, reason, n);
	} else {
		n = add(reason, n, "the VM's monitor (QEMU) closed the agent's connection", "", "");
	}
	(void)add_console(w, reason, n);
}

static void explain_timeout(const struct worker *w, char *reason)
{
	char text[96];

	(void)snprintf(text, sizeof(text),
		       "the VM's agent did not answer within %u ms of its start",
		       w->boot_timeout_ms);
	(void)add_console(w, reason, add(reason, 0, "", text, ""));
}

static void explain_silence(const struct worker *w, char *reason)
{
	size_t n =
		add(reason, 0,
		    "the VM's agent does not answer (within hyperv.requestTimeout, hcs-config(5))",
		    "", "");

	(void)add_console(w, reason, n);
}

/* One round. 0, or how the VM ended: -EOWNERDEAD the owner, -ETIME no agent, -ETIMEDOUT one that does
 * not answer, else err or helpers. */
static int round_trip(struct run *run, struct error *err)
{
	struct pollfd fds[ROUTER + ROUTER_POLLFDS];
	struct worker *w = run->w;
	int timeout = -1, r;
	size_t n = poll_set(w, fds);

	if (!router_is_up(&w->router)) {
		int64_t left = run->deadline - clock_ms();

		if (left <= 0)
			return -ETIME;
		timeout = (int)left;
	}
	r = poll(fds, n, timeout);
	reap(run);
	if (r < 0)
		return errno == EINTR ? 0 : error_sys(err, errno, "poll");
	read_tails(w, fds);
	r = hear_owner(w, fds[OWNER].revents);
	if (r < 0)
		return r;
	if (fds[SHARE].revents || fds[MONITOR].revents)
		return -ECHILD;
	r = router_step(&w->router, fds + ROUTER, err);
	if (router_is_up(&w->router))
		machine_agent_up(&w->machine);
	/* After the step: a new client was not polled for. */
	if (r == 0 && fds[LISTENER].revents)
		accept_clients(w);
	return r;
}

int worker_run(struct worker *w)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct run run = { .w = w, .deadline = clock_ms() + w->boot_timeout_ms };
	char reason[REASON_MAX] = "";
	int r;

	while ((r = round_trip(&run, &err)) == 0)
		;
	if (r == -EOWNERDEAD)
		return 0;
	if (r == -ETIME) {
		explain_timeout(w, reason);
	} else if (r == -ETIMEDOUT && !err.code) {
		explain_silence(w, reason);
	} else {
		if (!err.code) {
			take_last_frames(w);
			await_aftermath(&run);
		}
		explain_end(&run, &err, reason);
	}
	/* Who has just connected is told too. */
	accept_clients(w);
	router_end(&w->router, reason, END_PATIENCE_MS);
	return r;
}
