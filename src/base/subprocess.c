/* SPDX-License-Identifier: Apache-2.0 */
#include "base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/pid.h"

#define OUTPUT_MAX ((size_t)64 * 1024)
#define PIPE_READS 16 /* of 4096 bytes: what a pipe holds (pipe(7)) */

/* What the parent holds while the program runs. */
struct running {
	pid_t pid;
	int pidfd, in, out; /* in: its stdin; out: what it prints */
	const char *input;
	size_t input_left;
	char *output;
	size_t output_len;
};

static void running_done(struct running *run)
{
	run->in = close_fd(run->in);
	run->out = close_fd(run->out);
	run->pidfd = close_fd(run->pidfd);
	free(run->output);
}

/* In the child: only async-signal-safe calls. The exec error goes through the report pipe. */
static _Noreturn void child_exec(const struct subprocess *sp, int in, int out, int report)
{
	sigset_t none;
	int e;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	/* Nobody will wait for it, nor keep its timeout, when we are killed. */
	if (!sp->outlives)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, 0) < 0 || dup2(sp->stdout_fd >= 0 ? sp->stdout_fd : out, 1) < 0 ||
	    dup2(sp->stderr_fd >= 0 ? sp->stderr_fd : out, 2) < 0)
		goto fail;
	if (sp->cwd_fd >= 0 && fchdir(sp->cwd_fd) < 0)
		goto fail;
	/* CLOEXEC, not closed: the report pipe must live until exec. */
	if (close_range(3, ~0U, 1U << 2) < 0)
		goto fail;
	if (sp->keep_fd > 2 && fcntl(sp->keep_fd, F_SETFD, 0) < 0)
		goto fail;
	(void)execve(sp->path, sp->argv, sp->envp ? sp->envp : environ);
fail:
	e = errno;
	(void)!write(report, &e, sizeof(e));
	_exit(127);
}

static int spawn(const struct subprocess *sp, struct running *run, struct error *err)
{
	_cleanup_close_ int report_r = -1, report_w = -1, in_r = -1, out_w = -1;
	int in[2], out[2], report[2], child_errno = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	report_r = report[0];
	report_w = report[1];
	if (sp->input) {
		/* A socket, so that MSG_NOSIGNAL spares us SIGPIPE. */
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
			return error_sys(err, errno, "socketpair");
		in_r = in[0];
		run->in = in[1];
	} else {
		in_r = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (in_r < 0)
			return error_sys(err, errno, "open /dev/null");
	}
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	run->out = out[0];
	out_w = out[1];
	run->pid = fork();
	if (run->pid < 0)
		return error_sys(err, errno, "fork");
	if (run->pid == 0)
		child_exec(sp, in_r, out_w, report_w);
	run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	if (run->pidfd < 0) {
		int e = errno;

		(void)kill(run->pid, SIGKILL);
		(void)waitpid(run->pid, NULL, 0);
		return error_sys(err, e, "watch %s", sp->path);
	}
	report_w = close_fd(report_w);
	do
		n = read(report_r, &child_errno, sizeof(child_errno));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(child_errno)) {
		(void)waitpid(run->pid, NULL, 0);
		return error_sys(err, child_errno, "run %s", sp->path);
	}
	return 0;
}

static void feed(struct running *run)
{
	ssize_t n = send(run->in, run->input, run->input_left, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		run->input += n;
		run->input_left -= (size_t)n;
	}
	/* A program need not read its input: EPIPE is its choice. */
	if (n < 0 || run->input_left == 0)
		run->in = close_fd(run->in);
}

static void drain(struct running *run)
{
	char buf[4096];
	ssize_t n = read(run->out, buf, sizeof(buf));
	size_t keep;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		run->out = close_fd(run->out);
		return;
	}
	keep = OUTPUT_MAX - run->output_len;
	if (keep > (size_t)n)
		keep = (size_t)n;
	if (keep > 0) {
		char *bigger = realloc(run->output, run->output_len + keep + 1);

		if (!bigger)
			return;
		memcpy(bigger + run->output_len, buf, keep);
		run->output = bigger;
		run->output_len += keep;
		run->output[run->output_len] = '\0';
	}
}

/* Until the program ends: what it left running may keep the pipe open and is not waited for. */
static int converse(struct running *run, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	int late = 0;

	for (;;) {
		struct pollfd p[] = { { .fd = run->pidfd, .events = POLLIN },
				      { .fd = run->out, .events = POLLIN },
				      { .fd = run->in, .events = POLLOUT } };
		int wait = -1, n;

		if (deadline >= 0) {
			int64_t left = deadline - clock_ms();

			if (left <= 0)
				return -ETIMEDOUT;
			wait = left > INT32_MAX ? INT32_MAX : (int)left;
		}
		n = poll(p, ARRAY_SIZE(p), wait);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		if (p[2].revents)
			feed(run);
		if (p[1].revents)
			drain(run);
		/* What it wrote fits into the pipe; more than that comes from what it left running. */
		if (p[0].revents && (!p[1].revents || ++late > PIPE_READS))
			return 0;
	}
}

int subprocess_run(const struct subprocess *sp, char **ret_output, struct error *err)
{
	_cleanup_(running_done) struct running run = {
		.pidfd = -1, .in = -1, .out = -1, .input = sp->input, .input_left = sp->input_len
	};
	int r, wstatus = 0;
	pid_t reaped;

	if (ret_output)
		*ret_output = NULL;
	r = spawn(sp, &run, err);
	if (r < 0)
		return r;
	r = converse(&run, sp->timeout_ms);
	if (r < 0) {
		(void)kill(-run.pid, SIGKILL);
		(void)kill(run.pid, SIGKILL);
	}
	while ((reaped = waitpid(run.pid, &wstatus, 0)) < 0 && errno == EINTR)
		;
	/* ECHILD where the caller ignores SIGCHLD: the status is lost, which is not a status of 0. */
	if (r == 0 && reaped < 0)
		r = -errno;
	if (ret_output)
		*ret_output = TAKE_PTR(run.output);
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "%s: killed at its timeout of %d ms", sp->path,
				 sp->timeout_ms);
	if (r < 0)
		return error_sys(err, -r, "wait for %s", sp->path);
	return wait_status_code(wstatus);
}

int subprocess_find(const char *name, char **ret)
{
	const char *path = getenv("PATH");

	for (const char *p = path ? path : "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *program = NULL;
		struct stat st;

		if (asprintf(&program, "%.*s/%s", (int)len, p, name) < 0) {
			program = NULL;
			return -ENOMEM;
		}
		if (*p == '/' && stat(program, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(program, X_OK) == 0) {
			*ret = TAKE_PTR(program);
			return 0;
		}
		p += len;
		p += *p == ':';
	}
	return -ENOENT;
}
