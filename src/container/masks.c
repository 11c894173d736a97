/* SPDX-License-Identifier: Apache-2.0 */
#include "container/masks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "container/fs_context.h"
#include "container/mount_fd.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

/* What covers: each is one mount that the first masked path gets and the others get copies of.
 * Copies can be made of attached mounts on every kernel, of detached ones only since 6.15. */
struct covers {
	int null_fd; /* borrowed: the host's /dev/null */
	bool null_attached;
	int empty_fd; /* an empty read-only tmpfs, owned; -1 before it is needed */
	bool empty_attached;
	dev_t empty_dev;
};

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* In /proc and /sys the names are the kernel's: a link there, or on the way there, was planted. */
static int open_path(struct rootfs *fs, const char *path)
{
	if (is_below(path, "/proc") || is_below(path, "/sys"))
		return root_open_no_links(fs->root_fd, path, O_PATH);
	return path_open(fs->root_fd, path, O_PATH);
}

static int make_empty(struct covers *covers, struct error *err)
{
	static const char *const data[][2] = {
		{ "source", "tmpfs" },
		{ "nr_blocks", "1" },
		{ "nr_inodes", "1" },
		{ "mode", "755" },
	};
	_cleanup_close_ int ctx = fs_context_open("tmpfs", err);
	struct stat st;
	int r = ctx;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(data); i++)
		r = fs_context_set(ctx, data[i][0], data[i][1], err);
	if (r < 0)
		return r;
	covers->empty_fd = fs_context_mount(
		ctx, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		err);
	if (covers->empty_fd < 0)
		return covers->empty_fd;
	if (fstat(covers->empty_fd, &st) < 0)
		return error_sys(err, errno, "stat");
	covers->empty_dev = st.st_dev;
	return 0;
}

/* Attaches the cover itself the first time, a copy of it afterwards. */
static int attach_cover(int cover_fd, bool *attached, int target, struct error *err)
{
	_cleanup_close_ int copy = -1;

	if (!*attached) {
		*attached = true;
		return mount_fd_attach(cover_fd, target, err);
	}
	copy = mount_fd_clone(cover_fd, "", false);
	if (copy < 0)
		return error_sys(err, -copy, "copy the mount");
	return mount_fd_attach(copy, target, err);
}

static bool is_covered(const struct covers *covers, const struct stat *st, bool directory)
{
	if (directory)
		return S_ISDIR(st->st_mode) && st->st_dev == covers->empty_dev;
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* What the container will find by this path must be the cover, whatever was swapped meanwhile. */
static int check_covered(struct rootfs *fs, const struct covers *covers, const char *path,
			 bool directory, struct error *err)
{
	_cleanup_close_ int fd = open_path(fs, path);
	struct stat st;

	if (fd < 0)
		return error_sys(err, -fd, "look again");
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "look again");
	if (!is_covered(covers, &st, directory))
		return error_set(err, EPERM, "the path was changed while it was being masked");
	return 0;
}

static int mask(struct rootfs *fs, struct covers *covers, const char *path, struct error *err)
{
	_cleanup_close_ int target = open_path(fs, path);
	bool directory;
	struct stat st;
	int r = 0;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return error_sys(err, -target, "open");
	if (fstat(target, &st) < 0)
		return error_sys(err, errno, "stat");
	directory = S_ISDIR(st.st_mode);
	if (directory && covers->empty_fd < 0)
		r = make_empty(covers, err);
	if (r == 0)
		r = directory ? attach_cover(covers->empty_fd, &covers->empty_attached, target, err)
			      : attach_cover(covers->null_fd, &covers->null_attached, target, err);
	return r < 0 ? r : check_covered(fs, covers, path, directory, err);
}

static int make_readonly(struct rootfs *fs, const char *path, struct error *err)
{
	_cleanup_close_ int target = open_path(fs, path), fd = -1;
	int r;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return error_sys(err, -target, "open");
	fd = mount_fd_clone(target, "", true);
	if (fd < 0)
		return error_sys(err, -fd, "copy the mount");
	r = mount_fd_set(fd, (struct mount_attrs){ .set = MOUNT_ATTR_RDONLY }, true, err);
	return r < 0 ? r : mount_fd_attach(fd, target, err);
}

int masks_apply(struct rootfs *fs, struct error *err)
{
	const struct oci_linux *linux_ = fs->spec->linux_;
	struct covers covers = { .null_fd = fs->null_fd, .empty_fd = -1 };
	int r = 0;

	for (size_t i = 0; linux_ && r == 0 && i < linux_->masked_paths.len; i++) {
		r = mask(fs, &covers, linux_->masked_paths.items[i], err);
		if (r < 0)
			(void)error_wrap(err, r, "linux.maskedPaths[%zu] (%s)", i,
					 linux_->masked_paths.items[i]);
	}
	for (size_t i = 0; linux_ && r == 0 && i < linux_->readonly_paths.len; i++) {
		r = make_readonly(fs, linux_->readonly_paths.items[i], err);
		if (r < 0)
			(void)error_wrap(err, r, "linux.readonlyPaths[%zu] (%s)", i,
					 linux_->readonly_paths.items[i]);
	}
	(void)close_fd(covers.empty_fd);
	return r;
}
