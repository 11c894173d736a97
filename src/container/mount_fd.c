/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000 /* of statfs(2), Linux 5.10 */
#endif

int mount_fd_clone(int dir_fd, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (recursive)
		flags |= AT_RECURSIVE;
	if (!*path)
		flags |= AT_EMPTY_PATH;
	fd = open_tree(dir_fd, path, flags);
	return fd < 0 ? -errno : fd;
}

/* In the child, which has the caller's descriptors: the copy goes where the caller knows it. */
static _Noreturn void clone_there(int ns, int source, int slot, bool recursive)
{
	int tree;

	if (setns(ns, CLONE_NEWNS) < 0)
		_exit(errno);
	tree = mount_fd_clone(source, "", recursive);
	if (tree < 0)
		_exit(-tree);
	if (dup3(tree, slot, O_CLOEXEC) < 0)
		_exit(errno);
	(void)close(tree);
	_exit(0);
}

int mount_fd_clone_of_process(const char *path, bool recursive)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	_cleanup_close_ int root = -1, ns = -1, source = -1, slot = -1;
	char name[48];
	int pid, rest = 0, status;
	pid_t child;

	if (sscanf(path, "/proc/%d/root/%n", &pid, &rest) != 1 || !rest || pid <= 0)
		return -EINVAL;
	(void)snprintf(name, sizeof(name), "/proc/%d/root", pid);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(name, sizeof(name), "/proc/%d/ns/mnt", pid);
	if (root < 0 || (ns = open(name, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	source = (int)syscall(SYS_openat2, root, path + rest, &how, sizeof(how));
	if (source < 0 || (slot = fcntl(root, F_DUPFD_CLOEXEC, 3)) < 0)
		return -errno;
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		clone_there(ns, source, slot, recursive);
	while (child > 0 && waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			child = -1;
	if (child < 0)
		return -errno;
	if (!WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status) ? -WEXITSTATUS(status) : TAKE_FD(slot);
}

/* Flags that the mount has and that attrs would take away: after EPERM, those are the locked ones.
 */
static uint64_t locked_of(int fd, struct mount_attrs attrs)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} map[] = {
		{ MOUNT_ATTR_RDONLY, ST_RDONLY },
		{ MOUNT_ATTR_NOSUID, ST_NOSUID },
		{ MOUNT_ATTR_NODEV, ST_NODEV },
		{ MOUNT_ATTR_NOEXEC, ST_NOEXEC },
		{ MOUNT_ATTR_NODIRATIME, ST_NODIRATIME },
		{ MOUNT_ATTR_NOSYMFOLLOW, ST_NOSYMFOLLOW },
	};
	struct statvfs st;
	uint64_t locked = 0;

	if (fstatvfs(fd, &st) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (attrs.clr & ~attrs.set & map[i].attr && st.f_flag & map[i].flag)
			locked |= map[i].attr;
	if (!locked)
		locked = (attrs.clr | attrs.set) & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0;
	return locked;
}

int mount_fd_set(int fd, struct mount_attrs attrs, bool recursive, struct error *err)
{
	struct mount_attr attr = { .attr_set = attrs.set, .attr_clr = attrs.clr };
	char text[96];
	uint64_t locked;
	int code;

	if (!attrs.set && !attrs.clr)
		return 0;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) == 0)
		return 0;
	code = errno;
	locked = code == EPERM ? locked_of(fd, attrs) : 0;
	if (locked)
		return error_set(err, EPERM,
				 "the source is mounted %s by the host, which a user namespace "
				 "cannot change",
				 mount_attrs_text(locked, text, sizeof(text)));
	return error_sys(err, code, "set mount attributes %s",
			 mount_attrs_text(attrs.set | attrs.clr, text, sizeof(text)));
}

int mount_fd_propagate(int fd, uint64_t type, bool recursive, struct error *err)
{
	struct mount_attr attr = { .propagation = type };

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return error_sys(err, errno, "set mount propagation");
	return 0;
}

int mount_fd_attach(int fd, int target_fd, struct error *err)
{
	if (move_mount(fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
	    0)
		return error_sys(err, errno, "attach the mount");
	return 0;
}

int mount_fd_attach_at(int fd, int dir_fd, const char *name, struct error *err)
{
	if (move_mount(fd, "", dir_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "attach the mount on %s", name);
	return 0;
}

int mount_fd_idmap(int fd, int userns_fd, bool recursive, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };
	int code;

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) == 0)
		return 0;
	code = errno;
	if (code == EINVAL)
		return error_set(
			err, code,
			"map ids of the mount: its file system does not support idmapped mounts");
	return error_sys(err, code, "map ids of the mount");
}
