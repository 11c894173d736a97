/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/session.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pid.h"

/* One direction of the terminal. */
struct relay {
	int from, to;
	char buf[4096];
	size_t start, end; /* what is read and not yet written */
	bool over;         /* nothing more comes */
};

struct relays {
	struct relay in, out; /* keyboard → container, container → screen */
	int master;
};

int session_begin(struct session *s, struct error *err)
{
	/* Faults of our own must still end us. */
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t all;

	(void)sigfillset(&all);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(&all, own[i]);
	if (sigprocmask(SIG_BLOCK, &all, &s->old_mask) < 0)
		return error_sys(err, errno, "sigprocmask");
	s->masked = true;
	s->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? error_sys(err, errno, "signalfd") : 0;
}

void session_done(struct session *s)
{
	if (s->raw)
		(void)tcsetattr(0, TCSADRAIN, &s->old_termios);
	s->raw = false;
	s->signal_fd = close_fd(s->signal_fd);
	if (s->masked)
		(void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	s->masked = false;
}

static void pass_size(int master)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master, TIOCSWINSZ, &size);
}

void session_size(struct oci_process *process)
{
	struct winsize size;

	if (!process->terminal || ioctl(0, TIOCGWINSZ, &size) < 0)
		return;
	process->console_size.set = true;
	process->console_size.height = size.ws_row;
	process->console_size.width = size.ws_col;
}

int session_raw(struct session *s, struct error *err)
{
	struct termios raw;

	if (!isatty(0))
		return 0;
	if (tcgetattr(0, &s->old_termios) < 0)
		return error_sys(err, errno, "read the terminal's mode");
	raw = s->old_termios;
	cfmakeraw(&raw);
	if (tcsetattr(0, TCSADRAIN, &raw) < 0)
		return error_sys(err, errno, "set the terminal's mode");
	s->raw = true;
	return 0;
}

static void relay_read(struct relay *r)
{
	ssize_t n = read(r->from, r->buf, sizeof(r->buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* EIO of a pty master: nobody has the terminal open any more. */
	if (n <= 0) {
		r->over = true;
		return;
	}
	r->start = 0;
	r->end = (size_t)n;
}

static void relay_write(struct relay *r)
{
	ssize_t n = write(r->to, r->buf + r->start, r->end - r->start);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		/* Whoever read it has gone; the container is not ended for that. */
		r->start = r->end = 0;
		return;
	}
	r->start += (size_t)n;
}

static bool relay_has(const struct relay *r)
{
	return r->start < r->end;
}

/* End of input on a terminal is a character (termios VEOF), so that a pipe's end reaches the
 * program. */
static void pass_end_of_input(int master)
{
	struct termios t;
	char eof = 4;

	if (tcgetattr(master, &t) == 0 && !(t.c_lflag & ICANON))
		return;
	if (tcgetattr(master, &t) == 0)
		eof = (char)t.c_cc[VEOF];
	(void)!write(master, &eof, 1);
}

static void forward_signals(struct session *s, pid_t pid, int pidfd, int master)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int sig = (int)info.ssi_signo;

		if (sig == SIGCHLD) {
			/* As a subreaper we get the container's orphans; the process itself is left
			 * for pidfd_reap. */
			siginfo_t child;

			while (child.si_pid = 0,
			       waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 &&
				       child.si_pid != 0 && child.si_pid != pid)
				(void)waitpid(child.si_pid, NULL, WNOHANG);
			continue;
		}
		if (sig == SIGWINCH && master >= 0) {
			pass_size(master);
			continue;
		}
		/* From the kernel for our own sake, not sent to the container. */
		if (sig == SIGPIPE || sig == SIGURG ||
		    ((sig == SIGTTIN || sig == SIGTTOU) && s->raw))
			continue;
		(void)pidfd_kill(pidfd, sig);
	}
}

static void step_relays(struct relays *rs, const struct pollfd *p)
{
	struct relay *in = &rs->in, *out = &rs->out;

	if (p[0].revents & (POLLIN | POLLHUP | POLLERR) && !relay_has(in)) {
		relay_read(in);
		if (in->over)
			pass_end_of_input(rs->master);
	}
	if (p[1].revents & (POLLIN | POLLHUP | POLLERR)) {
		if (p[1].revents & POLLOUT && relay_has(in))
			relay_write(in);
		if (!relay_has(out))
			relay_read(out);
	} else if (p[1].revents & POLLOUT && relay_has(in)) {
		relay_write(in);
	}
	if (p[2].revents && relay_has(out))
		relay_write(out);
}

/* What the process printed before it ended is still in the terminal. */
static void drain(struct relays *rs)
{
	struct pollfd p = { .fd = rs->master, .events = POLLIN };

	for (;;) {
		while (relay_has(&rs->out))
			relay_write(&rs->out);
		if (rs->out.over || poll(&p, 1, 0) <= 0 || !(p.revents & (POLLIN | POLLHUP)))
			return;
		relay_read(&rs->out);
	}
}

static int loop(struct session *s, pid_t pid, int pidfd, struct relays *rs, struct error *err)
{
	for (;;) {
		struct pollfd p[5] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };

		if (rs->master >= 0) {
			bool in = relay_has(&rs->in), out = relay_has(&rs->out);

			p[0] = (struct pollfd){ .fd = in || rs->in.over ? -1 : 0,
						.events = POLLIN };
			p[1] = (struct pollfd){ .fd = rs->out.over ? -1 : rs->master,
						.events = (short)((out ? 0 : POLLIN) |
								  (in ? POLLOUT : 0)) };
			/* Output waiting for the screen: the master is not asked, or its hang-up
			 * would make this loop spin. */
			if (out && !in)
				p[1].fd = -1;
			p[2] = (struct pollfd){ .fd = out ? 1 : -1, .events = POLLOUT };
		}
		p[3] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
		p[4] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_sys(err, errno, "poll");
		}
		if (rs->master >= 0)
			step_relays(rs, p);
		if (p[3].revents)
			forward_signals(s, pid, pidfd, rs->master);
		if (p[4].revents)
			return 0;
	}
}

int session_run(struct session *s, pid_t pid, int pidfd, int master, int *ret_status,
		struct error *err)
{
	struct relays rs = { .master = master };
	int r = 0;

	if (master >= 0) {
		rs.in.from = 0;
		rs.in.to = master;
		rs.out.from = master;
		rs.out.to = 1;
		pass_size(master);
		r = session_raw(s, err);
	}
	if (r == 0)
		r = loop(s, pid, pidfd, &rs, err);
	if (r < 0)
		return r;
	if (master >= 0)
		drain(&rs);
	r = pidfd_reap(pidfd);
	if (r < 0)
		return error_sys(err, -r, "wait for process %d", (int)pid);
	*ret_status = r;
	return 0;
}
