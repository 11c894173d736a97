/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include "base/path.h"
#include "container/cgroup_mount.h"
#include "container/fs_context.h"
#include "container/mount_fd.h"
#include "container/mount_legacy.h"
#include "container/mount_step.h"
#include "container/mount_target.h"
#include "container/rootfs.h"
#include "container/tmpcopyup.h"

int mount_step_open_source(const struct mount_step *step, const char *bundle, struct error *err)
{
	_cleanup_free_ char *path = path_join(bundle ? bundle : "/", step->mount->source);
	int fd;

	if (!path)
		return error_oom(err);
	fd = mount_fd_clone(AT_FDCWD, path, step->options.rbind);
	if (fd == -EINVAL)
		fd = mount_fd_clone_of_process(path, step->options.rbind);
	if (fd >= 0)
		return fd;
	/* The kernel's answer where a copy without its submounts would uncover what they hide. */
	if (fd == -EINVAL && !step->options.rbind)
		return error_set(err, EINVAL,
				 "source %s: has mounts below that may not be left out; use rbind",
				 path);
	return error_sys(err, -fd, "source %s", path);
}

static int open_bind(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	struct statfs st;
	int fd;

	/* The child's own copy is preferred to the parent's: it keeps the flags of the source
	 * locked against the container. */
	fd = step->idmapped ? -EPERM : mount_step_open_source(step, fs->bundle, &cause);
	if ((fd == -EACCES || fd == -EPERM) && step->source_fd >= 0)
		fd = fcntl(step->source_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		if (!cause.code)
			return error_set(err, EINVAL, "its id mapping has not been opened");
		error_move(err, &cause);
		return fd;
	}
	if (step->procfs_only && (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC)) {
		(void)close_fd(fd);
		return error_set(err, EINVAL,
				 "destination: only procfs can be mounted on or inside /proc");
	}
	return fd;
}

static const char *type_of(const struct mount_step *step)
{
	return step->mount->type;
}

static int set_sb_flags(int ctx, const struct mount_step *step, struct error *err)
{
	/* These share one superblock with the host or are filled after the mount: read-only is an
	 * attribute of the mount alone. For a block device it must be the superblock's too. */
	bool shared = step->kind != MOUNT_KIND_FS;

	if (!shared && step->options.attrs.set & MOUNT_ATTR_RDONLY) {
		int r = fs_context_set(ctx, "ro", NULL, err);

		if (r < 0)
			return r;
	}
	for (unsigned flag = 1; flag <= step->options.sb_flags; flag <<= 1) {
		int r;

		if (!(step->options.sb_flags & flag))
			continue;
		r = fs_context_set(ctx, mount_sb_flag_name(flag), NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* linux.mountLabel: SELinux labels what has no label of its own by an option of the mount. */
static int set_label(int ctx, struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	const char *label = fs->spec->linux_ ? fs->spec->linux_->mount_label : NULL;

	if (!label || !*label || access("/sys/fs/selinux/enforce", F_OK) < 0)
		return 0;
	if (step->kind != MOUNT_KIND_FS && step->kind != MOUNT_KIND_TMPFS &&
	    step->kind != MOUNT_KIND_DEVPTS)
		return 0;
	return fs_context_set(ctx, "context", label, err);
}

static int set_data(int ctx, const struct mount_step *step, bool without_gid, struct error *err)
{
	for (size_t i = 0; i < step->options.data_len; i++) {
		const struct mount_data *data = &step->options.data[i];
		int r;

		if (without_gid && strcmp(data->key, "gid") == 0)
			continue;
		r = fs_context_set(ctx, data->key, data->value, err);
		if (r < 0)
			return error_wrap(err, r, "options[%zu]", data->index);
	}
	return 0;
}

static uint64_t attrs_of_new(const struct mount_step *step)
{
	uint64_t attrs = step->options.attrs.set | step->options.rec_attrs.set;

	/* Others are still to be mounted, or nodes made, inside; see rootfs_finish. */
	if (step->kind == MOUNT_KIND_TMPFS)
		attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return attrs;
}

static int open_fs(struct rootfs *fs, const struct mount_step *step, bool without_gid,
		   struct error *err)
{
	const char *source = step->mount->source;
	_cleanup_close_ int ctx = fs_context_open(type_of(step), err);
	int r;

	if (ctx < 0)
		return ctx;
	r = fs_context_set(ctx, "source", source && *source ? source : type_of(step), err);
	if (r == 0)
		r = set_sb_flags(ctx, step, err);
	if (r == 0)
		r = set_label(ctx, fs, step, err);
	if (r == 0)
		r = set_data(ctx, step, without_gid, err);
	return r < 0 ? r : fs_context_mount(ctx, attrs_of_new(step), err);
}

/* A read-only copy of the host's, where the user namespace may not have one of its own. */
static int bind_of_host(const char *path, uint64_t attrs, struct error *err)
{
	_cleanup_close_ int fd = mount_fd_clone(AT_FDCWD, path, true);
	int r;

	if (fd < 0)
		return error_sys(err, -fd,
				 "a user namespace needs namespaces of its own for a new one, and "
				 "the host's %s cannot be bound",
				 path);
	r = mount_fd_set(fd, (struct mount_attrs){ .set = attrs }, true, err);
	return r < 0 ? r : TAKE_FD(fd);
}

static bool namespace_is_new(const struct rootfs *fs, enum oci_namespace_kind kind)
{
	const struct oci_linux *linux_ = fs->spec->linux_;

	return linux_ && linux_->namespaces[kind].present;
}

/* What a user namespace does when the kernel refuses it a file system of its own. */
static int open_fallback(struct rootfs *fs, const struct mount_step *step, int r,
			 struct error *cause, struct error *err)
{
	uint64_t attrs = attrs_of_new(step);

	if (r == -EPERM && step->kind == MOUNT_KIND_SYSFS)
		/* Only the network namespace's owner may mount sysfs; the host's is not for
		 * writing. */
		return bind_of_host("/sys", attrs | MOUNT_ATTR_RDONLY, err);
	if (r == -EPERM && step->kind == MOUNT_KIND_MQUEUE && !namespace_is_new(fs, OCI_NS_IPC))
		return bind_of_host("/dev/mqueue", attrs, err);
	if (r == -EPERM && step->kind == MOUNT_KIND_PROC) {
		if (!namespace_is_new(fs, OCI_NS_PID))
			return bind_of_host("/proc", attrs, err);
		return error_set(
			err, EPERM,
			"the kernel refuses a new procfs in this user namespace: the host's /proc "
			"is partly masked, or the pid namespace belongs to another user namespace");
	}
	if (r == -EINVAL && step->kind == MOUNT_KIND_DEVPTS)
		/* gid=5 (tty) where the user namespace does not map it. */
		return open_fs(fs, step, true, err);
	error_move(err, cause);
	return r;
}

static int open_new(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	int fd = open_fs(fs, step, false, &cause);

	if (fd >= 0)
		return fd;
	if (fs->userns)
		return open_fallback(fs, step, fd, &cause, err);
	error_move(err, &cause);
	return fd;
}

/* The host's sysfs has its cgroups below, which a user namespace may have rights to: `ro` is for
 * them too, since the container can take away what hides them (CVE-2023-25809). */
static bool is_host_sysfs(const struct rootfs *fs, const struct mount_step *step, int fd)
{
	struct statfs st;

	return fs->userns && step->options.rbind && step->options.attrs.set & MOUNT_ATTR_RDONLY &&
	       fstatfs(fd, &st) == 0 && st.f_type == SYSFS_MAGIC;
}

/* Attributes of a bind, and ids of a file system mounted by ourselves. */
static int prepare(struct rootfs *fs, const struct mount_step *step, int fd, struct error *err)
{
	bool recursive = step->options.idmap == MOUNT_IDMAP_RECURSIVE;
	int r;

	if (step->kind != MOUNT_KIND_BIND)
		return step->userns_fd >= 0 ? mount_fd_idmap(fd, step->userns_fd, recursive, err)
					    : 0;
	r = mount_fd_set(fd, step->options.rec_attrs, true, err);
	return r < 0 ? r : mount_fd_set(fd, step->options.attrs, is_host_sysfs(fs, step, fd), err);
}

static int propagate(struct rootfs *fs, const struct mount_step *step, int fd, struct error *err)
{
	const struct mount_options *options = &step->options;
	const struct oci_linux *linux_ = fs->spec->linux_;

	for (size_t i = 0; i < options->propagations_len; i++) {
		int r = mount_fd_propagate(fd, options->propagations[i].type,
					   options->propagations[i].recursive, err);

		if (r < 0)
			return r;
	}
	/* Where nothing is said of propagation at all, a bind has none. */
	if (options->propagations_len == 0 && step->kind == MOUNT_KIND_BIND && !options->remount &&
	    !(linux_ && linux_->rootfs_propagation))
		return mount_fd_propagate(fd, MS_PRIVATE, options->rbind, err);
	return 0;
}

static int keep_for_late_ro(struct rootfs *fs, int *fd, struct error *err)
{
	int *grown = reallocarray(fs->late_ro, fs->late_ro_len + 1, sizeof(*grown));

	if (!grown)
		return error_oom(err);
	fs->late_ro = grown;
	fs->late_ro[fs->late_ro_len++] = TAKE_FD(*fd);
	return 0;
}

/* Changes the mount that is on the target already. */
static int remount(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_close_ int fd = -1, ctx = -1;
	int r;

	fd = step->no_links ? root_open_no_links(fs->root_fd, step->target, O_PATH)
			    : path_open(fs->root_fd, step->target, O_PATH);
	if (fd < 0)
		return error_sys(err, -fd, "remount");
	r = mount_fd_set(fd, step->options.rec_attrs, true, err);
	if (r == 0)
		r = mount_fd_set(fd, step->options.attrs, false, err);
	if (r == 0)
		r = propagate(fs, step, fd, err);
	if (r < 0 || step->kind == MOUNT_KIND_BIND ||
	    (step->options.data_len == 0 && step->options.sb_flags == 0))
		return r;
	ctx = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	if (ctx < 0)
		return error_sys(err, errno, "remount");
	r = set_sb_flags(ctx, step, err);
	if (r == 0)
		r = set_data(ctx, step, false, err);
	return r < 0 ? r : fs_context_reconfigure(ctx, err);
}

/* copy-symlink: a source that is a link is not followed but made anew in the root. 1: done. */
static int copy_symlink(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_free_ char *path = path_join(fs->bundle ? fs->bundle : "/", step->mount->source);
	_cleanup_close_ int parent = -1;
	char target[PATH_MAX], buf[NAME_MAX + 1], have[PATH_MAX];
	const char *name;
	ssize_t n;

	if (!path)
		return error_oom(err);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 && errno == EINVAL)
		return 0;
	if (n < 0)
		return error_sys(err, errno, "source %s", path);
	target[n] = '\0';
	parent = path_make_parent(fs->root_fd, step->target, 0755, &name, buf, sizeof(buf), err);
	if (parent < 0)
		return parent;
	if (symlinkat(target, parent, name) == 0)
		return 1;
	if (errno == EEXIST && readlinkat(parent, name, have, sizeof(have)) == n &&
	    memcmp(have, target, (size_t)n) == 0)
		return 1;
	return error_sys(err, errno, "make the symbolic link");
}

/* The label of a message queue file system can only be set on its root. */
static int label_mqueue(struct rootfs *fs, const struct mount_step *step, int fd, struct error *err)
{
	const char *label = fs->spec->linux_ ? fs->spec->linux_->mount_label : NULL;
	char path[FD_PATH_MAX];

	if (step->kind != MOUNT_KIND_MQUEUE || !label || !*label ||
	    access("/sys/fs/selinux/enforce", F_OK) < 0)
		return 0;
	if (setxattr(fd_path(fd, path), "security.selinux", label, strlen(label) + 1, 0) < 0)
		return error_sys(err, errno, "label the mount");
	return 0;
}

static bool has_data(const struct mount_step *step, const char *key)
{
	for (size_t i = 0; i < step->options.data_len; i++)
		if (strcmp(step->options.data[i].key, key) == 0)
			return true;
	return false;
}

/* A tmpfs over an existing directory has its mode where the options give none, as /tmp over /tmp:
 * what callers know from runc. On a new one it is the kernel's 1777. */
static int copy_target(struct rootfs *fs, const struct mount_step *step, int fd, struct error *err)
{
	_cleanup_close_ int old = -1;
	struct stat st;

	if (step->kind != MOUNT_KIND_TMPFS)
		return 0;
	if (has_data(step, "mode") && !step->options.tmpcopyup)
		return 0;
	old = path_open(fs->root_fd, step->target, O_PATH | O_DIRECTORY);
	if (old < 0)
		return 0;
	if (fstat(old, &st) < 0)
		return error_sys(err, errno, "stat");
	/* A copied directory keeps its owner too (EINVAL: one without an id in this namespace). */
	if (step->options.tmpcopyup && !has_data(step, "uid") && !has_data(step, "gid") &&
	    fchownat(fd, ".", st.st_uid, st.st_gid, 0) < 0 && errno != EINVAL)
		return error_sys(err, errno, "set the owner of the mount");
	if (!has_data(step, "mode") && fchmodat(fd, ".", st.st_mode & 07777, 0) < 0)
		return error_sys(err, errno, "set the mode of the mount");
	return 0;
}

static int mount_on_target(struct rootfs *fs, const struct mount_step *step, int *fd,
			   struct error *err)
{
	_cleanup_close_ int target = -1;
	struct stat st = { .st_mode = S_IFDIR };
	int r;

	if (step->kind == MOUNT_KIND_BIND && fstat(*fd, &st) < 0)
		return error_sys(err, errno, "stat");
	r = copy_target(fs, step, *fd, err);
	if (r < 0)
		return r;
	target = mount_target_open(fs->root_fd, step->target, S_ISDIR(st.st_mode), step->no_links,
				   err);
	if (target < 0)
		return target;
	if (step->options.tmpcopyup) {
		r = tmpcopyup(target, *fd, err);
		if (r < 0)
			return r;
	}
	r = mount_fd_attach(*fd, target, err);
	if (r == 0)
		r = propagate(fs, step, *fd, err);
	if (r == 0 && step->kind == MOUNT_KIND_TMPFS &&
	    (step->options.attrs.set | step->options.rec_attrs.set) & MOUNT_ATTR_RDONLY)
		r = keep_for_late_ro(fs, fd, err);
	return r;
}

int mount_step_run(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (step->options.remount)
		return remount(fs, step, err);
	if (step->kind == MOUNT_KIND_CGROUP)
		return cgroup_mount(fs, step, err);
	if (step->options.copy_symlink) {
		r = copy_symlink(fs, step, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (mount_legacy_needed(step))
		return mount_legacy(fs, step, err);
	fd = step->kind == MOUNT_KIND_BIND ? open_bind(fs, step, err) : open_new(fs, step, err);
	if (fd < 0)
		return fd;
	r = prepare(fs, step, fd, err);
	if (r == 0)
		r = label_mqueue(fs, step, fd, err);
	return r < 0 ? r : mount_on_target(fs, step, &fd, err);
}
