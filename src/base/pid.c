/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pid.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int pid_read_stat(pid_t pid, struct pid_stat *ret)
{
	char path[32], buf[1024], state;
	unsigned long long start;
	_cleanup_close_ int fd = -1;
	const char *p;
	ssize_t n;
	int ppid = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	/* The name in parentheses may itself hold ") ": the last one ends it. */
	p = strrchr(buf, ')');
	if (!p)
		return -EIO;
	/* Field 3 is the state, 4 the parent, 22 the start time; by hand, since `list` does it for each
	 * of a thousand and sscanf(3) is slow. */
	state = p[1] == ' ' ? p[2] : 0;
	for (int field = 2; field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (!p)
			return -EIO;
		if (field == 3)
			ppid = (int)strtol(p, NULL, 10);
	}
	start = strtoull(p, NULL, 10);
	*ret = (struct pid_stat){ .state = state, .ppid = ppid, .start_time = start };
	return 0;
}

bool pid_is_alive(pid_t pid, uint64_t start_time)
{
	struct pid_stat st;

	if (pid <= 0 || pid_read_stat(pid, &st) < 0)
		return false;
	return st.start_time == start_time && st.state != 'Z' && st.state != 'X';
}

int pid_open(pid_t pid, uint64_t start_time)
{
	_cleanup_close_ int fd = -1;
	struct pid_stat st;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	/* Compared after opening: from now on the pid cannot be reused under us. */
	r = pid_read_stat(pid, &st);
	if (r < 0)
		return r;
	if (st.start_time != start_time)
		return -ESRCH;
	return TAKE_FD(fd);
}

int pidfd_wait_end(int pidfd, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int wait = -1, n;

		if (deadline >= 0) {
			int64_t left = deadline - clock_ms();

			wait = left > 0 ? (int)left : 0;
		}
		n = poll(&p, 1, wait);
		if (n >= 0)
			return n > 0;
		if (errno != EINTR)
			return -errno;
	}
}

int pidfd_kill(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int pidfd_reap(int pidfd)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int wait_status_code(int wstatus)
{
	if (WIFEXITED(wstatus))
		return WEXITSTATUS(wstatus);
	return 128 + WTERMSIG(wstatus);
}
