/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/pid_file.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

int pid_file_write(const char *path, pid_t pid, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int dir_fd = -1;
	const char *slash, *name;
	char text[16];
	int n, r;

	if (!path)
		return 0;
	slash = strrchr(path, '/');
	name = slash ? slash + 1 : path;
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return error_oom(err);
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_sys(err, errno, "--pid-file %s", path);
	n = snprintf(text, sizeof(text), "%d", (int)pid);
	r = file_replace(dir_fd, name, text, (size_t)n, 0644);
	return r < 0 ? error_sys(err, -r, "--pid-file %s", path) : 0;
}
