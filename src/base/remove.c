/* SPDX-License-Identifier: Apache-2.0 */
#include "base/remove.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int open_to_empty(int dir_fd, const char *name, DIR **ret)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(dir_fd, name, flags);

	/* One without permissions, where we are not root: it is ours to give them. */
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, flags);
	if (fd < 0)
		return -errno;
	*ret = fdopendir(fd);
	if (!*ret)
		return -errno;
	(void)TAKE_FD(fd);
	return 0;
}

/* Moves a directory to top under a name that nothing there has. */
static int move_up(int dir_fd, const char *name, int top, unsigned *counter)
{
	for (unsigned tries = 0; tries < 1000000; tries++) {
		char to[16];

		(void)snprintf(to, sizeof(to), ".%u", (*counter)++);
		if (renameat2(dir_fd, name, top, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int remove_directory(int top, const char *name, unsigned *counter)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int r = open_to_empty(top, name, &dir);

	if (r < 0)
		return r;
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno)
				return -errno;
			break;
		}
		if (is_dots(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0 ||
		    errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno == ENOTDIR)
			return -EPERM; /* a file that may not be removed */
		r = move_up(dirfd(dir), entry->d_name, top, counter);
		if (r < 0)
			return r;
	}
	return unlinkat(top, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int remove_tree(int dir_fd, const char *name)
{
	_cleanup_closedir_ DIR *top = NULL;
	unsigned counter = 0;
	bool again = true;
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	r = open_to_empty(dir_fd, name, &top);
	if (r < 0)
		return r == -ENOTDIR ? -EPERM : r;
	/* What was moved up appears in the listing now or in the next. */
	while (again) {
		struct dirent *entry;

		again = false;
		rewinddir(top);
		while ((errno = 0, entry = readdir(top))) {
			if (is_dots(entry->d_name))
				continue;
			again = true;
			if (unlinkat(dirfd(top), entry->d_name, 0) == 0 || errno == ENOENT)
				continue;
			if (errno != EISDIR && errno != EPERM)
				return -errno;
			r = remove_directory(dirfd(top), entry->d_name, &counter);
			if (r < 0)
				return r;
		}
		if (errno)
			return -errno;
	}
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
