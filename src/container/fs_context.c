/* SPDX-License-Identifier: Apache-2.0 */
#include "container/fs_context.h"

#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"

int fs_context_open(const char *type, struct error *err)
{
	int fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENODEV)
		return error_set(err, ENODEV, "this kernel has no file system type \"%s\"", type);
	return error_sys(err, errno, "open file system type \"%s\"", type);
}

/* The context's log: lines of "e text", "w text" or "i text", one a read(2). Errors are kept. */
static void read_log(int fs_fd, char *buf, size_t size)
{
	char line[256];
	size_t used = 0;
	ssize_t n;

	buf[0] = '\0';
	while ((n = read(fs_fd, line, sizeof(line) - 1)) > 0) {
		int written;

		line[n] = '\0';
		if (n > 1 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (line[0] != 'e' || n < 3)
			continue;
		written = snprintf(buf + used, size - used, "%s%s", used ? "; " : "", line + 2);
		if (written < 0 || (size_t)written >= size - used)
			break;
		used += (size_t)written;
	}
}

static int fail(int fs_fd, struct error *err, int code, const char *what, const char *key,
		const char *value)
{
	char log[512], option[192] = "";

	read_log(fs_fd, log, sizeof(log));
	if (key)
		(void)snprintf(option, sizeof(option), " \"%s%s%s\"", key, value ? "=" : "",
			       value ? value : "");
	if (log[0])
		return error_set(err, code, "%s%s: %s", what, option, log);
	return error_sys(err, code, "%s%s", what, option);
}

int fs_context_set(int fs_fd, const char *key, const char *value, struct error *err)
{
	int r = value ? fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0)
		      : fsconfig(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);

	return r < 0 ? fail(fs_fd, err, errno, "option", key, value) : 0;
}

int fs_context_set_fd(int fs_fd, const char *key, int value, struct error *err)
{
	if (fsconfig(fs_fd, FSCONFIG_SET_FD, key, NULL, value) < 0)
		return fail(fs_fd, err, errno, "option", key, NULL);
	return 0;
}

int fs_context_mount(int fs_fd, uint64_t attrs, struct error *err)
{
	int fd;

	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail(fs_fd, err, errno, "make the file system", NULL, NULL);
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attrs);
	return fd < 0 ? fail(fs_fd, err, errno, "mount", NULL, NULL) : fd;
}

int fs_context_reconfigure(int fs_fd, struct error *err)
{
	if (fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return fail(fs_fd, err, errno, "reconfigure the file system", NULL, NULL);
	return 0;
}
