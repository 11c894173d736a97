/* SPDX-License-Identifier: Apache-2.0 */
#include "container/proc_self.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

int proc_self_open(int proc_fd, const char *file, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NOCTTY),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, proc_fd, file, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int proc_self_write(int proc_fd, const char *file, const char *text, unsigned long len)
{
	_cleanup_close_ int fd = proc_self_open(proc_fd, file, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (unsigned long)n == len ? 0 : -EIO;
}
