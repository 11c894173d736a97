/* SPDX-License-Identifier: Apache-2.0 */
#include "container/devices.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "container/mount_fd.h"
#include "container/mount_plan.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

struct node {
	const char *path; /* in the container, and on the host where it is bound from there */
	mode_t mode;      /* type and permissions */
	dev_t rdev;
	uid_t uid;
	gid_t gid;
};

static bool is_same(const struct stat *st, const struct node *node)
{
	return (st->st_mode & S_IFMT) == (node->mode & S_IFMT) &&
	       (S_ISFIFO(node->mode) || st->st_rdev == node->rdev);
}

/* Something has the name already: that very device is kept, anything else that an image may have
 * put there gives way. 1: kept. */
static int make_room(int dir_fd, const char *name, const struct node *node, struct error *err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "device %s", node->path);
	if (is_same(&st, node))
		return 1;
	if (unlinkat(dir_fd, name, 0) < 0)
		return error_sys(err, errno, "device %s: replace what the image has there",
				 node->path);
	return 0;
}

/* In a user namespace no device can be made: the host's is bound, when it is the one meant. */
static int bind_node(int dir_fd, const char *name, const struct node *node, struct error *err)
{
	_cleanup_close_ int fd = mount_fd_clone(AT_FDCWD, node->path, false), target = -1;
	struct stat st;

	if (fd < 0)
		return error_sys(err, -fd, "device %s: bind the host's", node->path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "device %s", node->path);
	if (!is_same(&st, node))
		return error_set(err, EPERM,
				 "device %s: cannot be made here, and the host has another device "
				 "of that name",
				 node->path);
	target = openat(dir_fd, name, O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_WRONLY | O_NONBLOCK,
			0666);
	if (target < 0)
		return error_sys(err, errno, "device %s", node->path);
	return mount_fd_attach_at(fd, dir_fd, name, err);
}

/* By descriptor: in a volume shared with another container the name may be a link by now, which
 * before the pivot would lead to the host. */
static int set_mode(int dir_fd, const char *name, const struct node *node, struct error *err)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[FD_PATH_MAX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "device %s", node->path);
	if (!is_same(&st, node))
		return error_set(err, EPERM, "device %s: changed while it was set up", node->path);
	if (chmod(fd_path(fd, path), node->mode & 07777) < 0)
		return error_sys(err, errno, "device %s: set its mode", node->path);
	return 0;
}

static int own_node(int dir_fd, const char *name, const struct node *node, bool kept,
		    struct error *err)
{
	if ((node->uid || node->gid || kept) &&
	    fchownat(dir_fd, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "device %s: set its owner", node->path);
	return kept ? set_mode(dir_fd, name, node, err) : 0;
}

static int make_node(struct rootfs *fs, int dir_fd, const char *name, const struct node *node,
		     struct error *err)
{
	bool bind = fs->userns && !S_ISFIFO(node->mode);
	int r;

	if (!bind && mknodat(dir_fd, name, node->mode, node->rdev) == 0)
		return own_node(dir_fd, name, node, false, err);
	if (!bind && errno != EPERM && errno != EEXIST)
		return error_sys(err, errno, "device %s", node->path);
	if (!bind && errno == EPERM)
		bind = !S_ISFIFO(node->mode);
	r = make_room(dir_fd, name, node, err);
	if (r < 0)
		return r;
	/* A node in the image's own file system is of no use in a user namespace (nodev). */
	if (bind)
		return bind_node(dir_fd, name, node, err);
	if (r == 0 && mknodat(dir_fd, name, node->mode, node->rdev) < 0)
		return error_sys(err, errno, "device %s", node->path);
	return own_node(dir_fd, name, node, r == 1, err);
}

static int make_device(struct rootfs *fs, const struct oci_device *device, size_t index,
		       struct error *err)
{
	struct node node = {
		.path = device->path,
		.mode = device->file_mode.set ? (mode_t)(device->file_mode.value & 07777) : 0666,
		.uid = (uid_t)device->uid.value,
		.gid = (gid_t)device->gid.value,
	};
	char buf[NAME_MAX + 1];
	const char *name;
	_cleanup_close_ int dir_fd = -1;
	int r;

	switch (device->type ? device->type[0] : '\0') {
	case 'c':
	case 'u':
		node.mode |= S_IFCHR;
		break;
	case 'b':
		node.mode |= S_IFBLK;
		break;
	case 'p':
		node.mode |= S_IFIFO;
		break;
	default:
		return error_set(err, EINVAL, "linux.devices[%zu].type: not c, b, u or p", index);
	}
	if (!S_ISFIFO(node.mode))
		node.rdev = makedev((unsigned)device->major.value, (unsigned)device->minor.value);
	dir_fd = path_make_parent(fs->root_fd, device->path, 0755, &name, buf, sizeof(buf), err);
	r = dir_fd < 0 ? dir_fd : make_node(fs, dir_fd, name, &node, err);
	return r < 0 ? error_wrap(err, r, "linux.devices[%zu]", index) : 0;
}

static bool is_listed(const struct rootfs *fs, const char *path)
{
	const struct oci_linux *linux_ = fs->spec->linux_;

	for (size_t i = 0; linux_ && i < linux_->devices.len; i++)
		if (strcmp(linux_->devices.items[i].path, path) == 0)
			return true;
	return false;
}

static int make_defaults(struct rootfs *fs, int dev_fd, struct error *err)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} defaults[] = {
		{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		struct node node = {
			.path = defaults[i].path,
			.mode = S_IFCHR | 0666,
			.rdev = makedev(defaults[i].major, defaults[i].minor),
		};
		int r;

		if (is_listed(fs, node.path))
			continue;
		r = make_node(fs, dev_fd, node.path + strlen("/dev/"), &node, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_links(int dev_fd, struct error *err)
{
	static const char *const links[][2] = {
		{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
		{ "ptmx", "pts/ptmx" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		int r = symlinkat(links[i][1], dev_fd, links[i][0]);

		/* An image's own must not stand for it: ptmx of another devpts, say. */
		if (r < 0 && errno == EEXIST && unlinkat(dev_fd, links[i][0], 0) == 0)
			r = symlinkat(links[i][1], dev_fd, links[i][0]);
		if (r < 0)
			return error_sys(err, errno, "symbolic link /dev/%s", links[i][0]);
	}
	return 0;
}

static bool dev_is_bound(const struct rootfs *fs)
{
	for (size_t i = 0; i < fs->mounts->len; i++)
		if (fs->mounts->steps[i].kind == MOUNT_KIND_BIND &&
		    strcmp(fs->mounts->steps[i].target, "/dev") == 0)
			return true;
	return false;
}

int devices_make(struct rootfs *fs, struct error *err)
{
	const struct oci_linux *linux_ = fs->spec->linux_;
	_cleanup_close_ int dev_fd = -1;
	int r = 0;

	if (dev_is_bound(fs))
		return 0;
	dev_fd = mount_target_open(fs->root_fd, "/dev", true, true, err);
	if (dev_fd < 0)
		return dev_fd;
	for (size_t i = 0; r == 0 && linux_ && i < linux_->devices.len; i++)
		r = make_device(fs, &linux_->devices.items[i], i, err);
	if (r == 0)
		r = make_defaults(fs, dev_fd, err);
	return r < 0 ? r : make_links(dev_fd, err);
}
