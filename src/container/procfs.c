/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "container/fs_context.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

#define PROC_ROOT_INO 1

/*
 * Where the kernel lets this user namespace have no procfs of its own, what is on /proc will do
 * when it is one and its root: a link, or a tmpfs with planted files, is not.
 */
static int open_existing(struct error *err)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct statfs fs;
	struct stat st;

	fd = root_open_no_links(root, "/proc", O_PATH | O_DIRECTORY);
	if (fd < 0)
		return error_sys(err, -fd, "open /proc");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "stat /proc");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
		return error_set(err, EPERM,
				 "/proc is not a procfs, and the kernel refuses to mount one here");
	return TAKE_FD(fd);
}

int rootfs_open_proc(struct rootfs *fs, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	_cleanup_close_ int ctx = -1;
	int fd;

	if (fs->proc_fd >= 0)
		return 0;
	fd = ctx = fs_context_open("proc", &cause);
	if (ctx >= 0)
		fd = fs_context_mount(ctx, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				      &cause);
	if (fd == -EPERM)
		fd = open_existing(err);
	else if (fd < 0)
		error_move(err, &cause);
	if (fd < 0)
		return fd;
	fs->proc_fd = fd;
	return 0;
}
