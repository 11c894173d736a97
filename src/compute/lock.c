/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/pid.h"

#define LOCKS_MAX ((size_t)16 * 1024 * 1024)

/* The pid of the holder by proc_locks(5): "1: FLOCK  ADVISORY  WRITE 708 00:15:1234 0 EOF", with "->" before the
 * type for those that wait. 0: nobody who can be seen. */
static pid_t holder(int fd)
{
	_cleanup_free_ char *text = NULL;
	char *line, *state = NULL;
	struct stat st;
	size_t len;

	if (fstat(fd, &st) < 0 || file_read(AT_FDCWD, "/proc/locks", LOCKS_MAX, &text, &len) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		unsigned major_no, minor_no;
		unsigned long long inode;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_no, &minor_no,
			   &inode) == 4 &&
		    pid > 0 && inode == st.st_ino && makedev(major_no, minor_no) == st.st_dev)
			return pid;
	}
	return 0;
}

void lock_break(int fd, int patience_ms)
{
	_cleanup_close_ int pidfd = -1;
	pid_t pid;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		(void)flock(fd, LOCK_UN);
		return;
	}
	pid = holder(fd);
	if (pid <= 0)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 || pidfd_wait_end(pidfd, patience_ms) != 0)
		return;
	/* Still the same one: the pid is the holder's own, and the descriptor is of that process. */
	if (holder(fd) == pid)
		(void)pidfd_kill(pidfd, SIGKILL);
}
