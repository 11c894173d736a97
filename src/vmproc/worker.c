/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/worker.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/environment.h"
#include "base/fd.h"
#include "base/libexec.h"
#include "base/pid.h"
#include "vmproc/protocol.h"

#define FIRST_FD 4 /* of those it is given */
/* Told to end, vmwp only has to end; one that hangs is killed. */
#define END_TIMEOUT_MS 5000

static int child_run(const char *id, char *path, int *pair, const int *fds, size_t n,
		     struct error *err)
{
	char *argv[] = { path, (char *)(uintptr_t)id, NULL };
	_cleanup_free_ char **environment = environment_for_helpers();
	int all[FIRST_FD + VMPROC_VM_FDS_MAX];
	int r, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!environment)
		return error_oom(err);
	if (null < 0)
		return error_sys(err, errno, "open /dev/null");
	all[0] = all[1] = all[2] = null;
	all[3] = *pair;
	memcpy(all + FIRST_FD, fds, n * sizeof(*fds));
	r = fd_arrange(all, FIRST_FD + n);
	if (r < 0)
		return error_sys(err, -r, "arrange descriptors");
	*pair = 3;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(path, argv, environment);
	return error_sys(err, errno, "execute %s", path);
}

static _Noreturn void child(const char *id, char *path, int pair, const int *fds, size_t n)
{
	struct error err = ERROR_INIT;

	(void)child_run(id, path, &pair, fds, n, &err);
	sync_send_error(pair, &err);
	_exit(1);
}

/* How it ended, as far as that says anything. */
static void describe(const siginfo_t *info, char *reason, size_t size)
{
	if (info->si_code == CLD_EXITED)
		(void)snprintf(reason, size, "vmwp ended with status %d", info->si_status);
	else
		(void)snprintf(reason, size, "vmwp was killed by signal %d", info->si_status);
}

static void reap(struct worker *w, char *reason, size_t size)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid((idtype_t)P_PIDFD, (id_t)w->pidfd, &info, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r == 0 && reason)
		describe(&info, reason, size);
	w->pidfd = close_fd(w->pidfd);
	w->pair = close_fd(w->pair);
}

int worker_start(const char *id, const int *fds, size_t n, struct worker *ret, struct error *err)
{
	_cleanup_free_ char *path = libexec_path("vmwp");
	struct worker w = WORKER_INIT;
	char how[64] = "vmwp ended";
	int pair[2], r;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWPID,
		.pidfd = (uint64_t)(uintptr_t)&w.pidfd,
		.exit_signal = SIGCHLD,
	};

	if (!path)
		return error_oom(err);
	if (n > VMPROC_VM_FDS_MAX)
		return error_set(err, E2BIG, "too many descriptors for a VM");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	w.pair = pair[0];
	w.pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (w.pid == 0)
		child(id, path, pair[1], fds, n);
	r = errno;
	(void)close_fd(pair[1]);
	if (w.pid < 0) {
		(void)close_fd(w.pair);
		return error_sys(err, r, "clone for %s", path);
	}
	r = sync_receive(w.pair, NULL, err);
	if (r == (int)VMPROC_VM_READY) {
		*ret = w;
		return 0;
	}
	/* Ended, or about to: nothing of it outlives this. */
	if (r == 0 && pidfd_wait_end(w.pidfd, END_TIMEOUT_MS) == 1)
		reap(&w, how, sizeof(how));
	else
		worker_end(&w, NULL, 0);
	if (r == 0)
		return error_set(err, ECONNRESET, "%s while it started the utility VM", how);
	return r < 0 ? r : error_set(err, EPROTO, "unexpected message %d from vmwp", r);
}

void worker_tell_silence(const struct worker *w)
{
	(void)sync_send(w->pair, (enum sync_type)VMPROC_SILENCE, 0);
}

void worker_end(struct worker *w, char *reason, size_t size)
{
	if (w->pidfd < 0)
		return;
	if (pidfd_wait_end(w->pidfd, 0) != 1) {
		w->pair = close_fd(w->pair);
		if (pidfd_wait_end(w->pidfd, END_TIMEOUT_MS) != 1)
			(void)pidfd_kill(w->pidfd, SIGKILL);
		reason = NULL;
	}
	reap(w, reason, size);
}
