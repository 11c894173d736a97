/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/stdio.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/path.h"

/* Opening the master's file again would make another terminal. */
static bool is_slave(int fd)
{
	unsigned number;

	return isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

static int reopen(int fd, int access_mode)
{
	char via[FD_PATH_MAX];

	return open(fd_path(fd, via), access_mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int stdio_complete(struct error *err)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return error_sys(err, errno, "open /dev/null");
	return 0;
}

int stdio_take(int fd, struct stdio *ret, struct error *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "stdio: descriptor %d", fd);
	ret->nonblocking = true;
	if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && is_slave(fd))) {
		ret->fd = reopen(fd, flags & O_ACCMODE);
		if (ret->fd >= 0)
			return 0;
	}
	/* Regular files as they are: offset and O_APPEND are shared on purpose. */
	ret->nonblocking = false;
	ret->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return ret->fd < 0 ? error_sys(err, errno, "stdio: dup") : 0;
}

int stdio_forget(struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || (null != fd && dup2(null, fd) < 0))
			return error_sys(err, errno, "open /dev/null");
	if (null < 3)
		null = -1;
	return 0;
}
