/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_target.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/path.h"

int root_open_no_links(int root_fd, const char *path, int flags)
{
	/* No O_NOFOLLOW: together with O_PATH it would open the last link itself. */
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -1;

	/* EAGAIN: a rename raced with "..". Bounded, since the one who renames may be hostile. */
	for (int tries = 0; tries < 64; tries++) {
		fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int make(int root_fd, const char *path, bool directory, struct error *err)
{
	return directory ? path_mkdirs(root_fd, path, 0755, err)
			 : path_make_file(root_fd, path, 0644, err);
}

int mount_target_open(int root_fd, const char *path, bool directory, bool no_links,
		      struct error *err)
{
	int flags = O_PATH | (directory ? O_DIRECTORY : 0), fd;

	if (!no_links)
		return make(root_fd, path, directory, err);
	fd = root_open_no_links(root_fd, path, flags);
	if (fd == -ENOENT) {
		/* Made by the ordinary way, then looked at again: a link put there meanwhile shows.
		 */
		fd = make(root_fd, path, directory, err);
		if (fd < 0)
			return fd;
		(void)close_fd(fd);
		fd = root_open_no_links(root_fd, path, flags);
	}
	if (fd == -ELOOP)
		return error_set(err, ELOOP,
				 "%s in the root is or goes through a symbolic link, which an "
				 "image must not have there",
				 path);
	return fd < 0 ? error_sys(err, -fd, "open %s in the root", path) : fd;
}
