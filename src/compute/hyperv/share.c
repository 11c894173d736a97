/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/share.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "compute/hyperv/share_kernel.h"
#include "compute/hyperv/share_root.h"
#include "container/mount_fd.h"
#include "container/overlay.h"
#include "container/root_propagation.h"
#include "container/rootfs.h"
#include "container/sync.h"
#include "vm/settings.h"

/* What is to be attached, opened while we still see the host's file system. */
struct opened {
	int root;
	int *binds;   /* one a mount of the spec, -1: none */
	char **links; /* or a link with this text, NULL: none */
	size_t len;
};

static void opened_done(struct opened *o)
{
	(void)close_fd(o->root);
	for (size_t i = 0; o->binds && i < o->len; i++)
		(void)close_fd(o->binds[i]);
	free(o->binds);
	for (size_t i = 0; o->links && i < o->len; i++)
		free(o->links[i]);
	free(o->links);
}

/* Runs fn in a child, which may change its namespaces; its error becomes ours. */
static int in_child(int (*fn)(void *data, struct error *err), void *data, struct error *err)
{
	int pair[2], status, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	pid = fork();
	if (pid == 0) {
		struct error cause = ERROR_INIT;

		if (fn(data, &cause) < 0)
			sync_send_error(pair[1], &cause);
		else
			(void)sync_send(pair[1], SYNC_READY, 0);
		_exit(0);
	}
	(void)close_fd(pair[1]);
	if (pid < 0)
		r = error_sys(err, errno, "fork");
	else
		r = sync_expect(pair[0], SYNC_READY, NULL, err);
	(void)close_fd(pair[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* By a later remount of the same target: the older way to write a read-only bind. */
static bool made_readonly(const struct share *share, const struct mount_step *step)
{
	const struct mount_step *end = share->mounts->steps + share->mounts->len;

	for (const struct mount_step *later = step + 1; later < end; later++)
		if (later->options.remount && later->options.attrs.set & MOUNT_ATTR_RDONLY &&
		    strcmp(later->target, step->target) == 0)
			return true;
	return false;
}

/* A copy that follows the host's mounts only where the bind asks for it, and never leads them. */
static int open_bind(const struct share *share, const struct mount_step *step, struct error *err)
{
	const struct mount_attrs readonly = { .set = MOUNT_ATTR_RDONLY };
	bool slave = false, rec = step->options.rbind;
	_cleanup_close_ int fd = -1;
	int r = 0;

	for (size_t i = 0; i < step->options.propagations_len; i++)
		slave |= step->options.propagations[i].type == MS_SLAVE;
	if (step->source_fd >= 0)
		fd = fcntl(step->source_fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = mount_step_open_source(step, share->bundle, err);
	if (fd < 0)
		return step->source_fd >= 0 ? error_sys(err, errno, "copy a descriptor") : fd;
	r = mount_fd_propagate(fd, slave ? MS_SLAVE : MS_PRIVATE, rec, err);
	if (r == 0 && (step->options.attrs.set & MOUNT_ATTR_RDONLY || made_readonly(share, step)))
		r = mount_fd_set(fd, readonly, false, err);
	if (r == 0 && step->options.rec_attrs.set & MOUNT_ATTR_RDONLY)
		r = mount_fd_set(fd, readonly, true, err);
	return r < 0 ? r : TAKE_FD(fd);
}

static int open_directory(const struct share *share, struct error *err)
{
	int fd = mount_fd_clone(AT_FDCWD, share->rootfs, true), r;

	if (fd < 0)
		return error_sys(err, -fd, "root.path %s", share->rootfs);
	r = mount_fd_propagate(fd, MS_PRIVATE, true, err);
	if (r < 0)
		(void)close_fd(fd);
	return r < 0 ? r : fd;
}

/* A copy of the host's mounts that this child may change; what is mounted on the host still comes to
 * it, so that binds which are to follow the host can. */
static int copy_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_sys(err, errno, "mount namespace for the share");
	return 0;
}

/* Back to the mounts of before copy_mounts, which has kept the root directory. */
static int return_to(int host, int root, struct error *err)
{
	if (setns(host, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
		return error_sys(err, errno, "return to the host's mounts");
	return 0;
}

/* The overlay is put together in another copy: it takes /proc, and covers a directory of the host's. */
static int open_layers(const struct share *share, struct error *err)
{
	struct rootfs fs;
	int fd, r = copy_mounts(err);

	if (r < 0)
		return r;
	rootfs_init(&fs);
	fs.spec = share->spec;
	fs.bundle = share->bundle;
	r = layer_mounts_open(share->spec, share->bundle, &fs.files, err);
	if (r == 0)
		r = overlay_mount(&fs, err);
	rootfs_done(&fs);
	if (r < 0)
		return r;
	fd = mount_fd_clone(r, "", false);
	(void)close_fd(r);
	return fd < 0 ? error_sys(err, -fd, "windows.layerFolders") : fd;
}

/* copy-symlink: the text of the link that is wanted itself, NULL when the source is none. */
static char *read_link(const struct share *share, const struct mount_step *step)
{
	_cleanup_free_ char *path = NULL;
	char text[PATH_MAX];
	ssize_t n;

	if (!step->options.copy_symlink)
		return NULL;
	path = path_join(share->bundle, step->mount->source);
	n = path ? readlink(path, text, sizeof(text)) : -1;
	return n > 0 ? strndup(text, (size_t)n) : NULL;
}

static int open_binds(const struct share *share, struct opened *o, struct error *err)
{
	for (size_t i = 0; i < o->len; i++) {
		const struct mount_step *step = &share->mounts->steps[i];

		if (step->kind != MOUNT_KIND_BIND || step->options.remount)
			continue;
		o->links[i] = read_link(share, step);
		if (o->links[i])
			continue;
		o->binds[i] = open_bind(share, step, err);
		if (o->binds[i] < 0)
			return error_wrap(err, o->binds[i], "mounts[%zu] (%s)", i, step->target);
	}
	return 0;
}

static int open_all(const struct share *share, struct opened *o, struct error *err)
{
	_cleanup_close_ int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool layers = share->rootfs && share->spec->layer_folders.len > 0;
	int r;

	o->len = share->mounts->len;
	o->binds = calloc(o->len + 1, sizeof(*o->binds));
	o->links = calloc(o->len + 1, sizeof(*o->links));
	if (!o->binds || !o->links)
		return error_oom(err);
	for (size_t i = 0; i < o->len; i++)
		o->binds[i] = -1;
	if (host < 0 || root < 0)
		return error_sys(err, errno, "open the host's mounts");
	r = mount_plan_open_userns(share->mounts, err);
	if (r == 0)
		r = copy_mounts(err);
	if (r == 0)
		r = share_leave_kernel_out(share, err);
	if (r == 0)
		r = mount_plan_open_sources(share->mounts, share->bundle, err);
	if (r == 0)
		r = open_binds(share, o, err);
	if (r == 0 && layers)
		r = return_to(host, root, err);
	if (r < 0)
		return r;
	if (!share->rootfs)
		return 0;
	o->root = layers ? open_layers(share, err) : open_directory(share, err);
	return o->root < 0 ? o->root : share_root_protect(share, o->root, o->binds, err);
}

static int enter(int vmwp, struct error *err)
{
	int fd;

	if (setns(vmwp, CLONE_NEWNS) < 0)
		return error_sys(err, errno, "enter vmwp's mount namespace");
	fd = open(VM_SHARE_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? error_sys(err, errno, "open the VM's share") : fd;
}

static int make_dir(int dir, const char *name, struct error *err)
{
	int fd;

	if (mkdirat(dir, name, 0755) < 0)
		return error_sys(err, errno, "make %s in the VM's share", name);
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? error_sys(err, errno, "open %s in the VM's share", name) : fd;
}

/* A target of the source's kind: a directory, or a file for anything else. */
static int attach(int mount_fd, int dir, const char *name, struct error *err)
{
	/* The share's daemon has no use for either, whoever commands it. Inside, what the guest's
	 * own mounts say counts. */
	const struct mount_attrs harmless = { .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	_cleanup_close_ int target = -1;
	struct stat st;
	int r;

	if (fstat(mount_fd, &st) < 0)
		return error_sys(err, errno, "stat the source");
	r = mount_fd_set(mount_fd, harmless, true, err);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode)) {
		target = make_dir(dir, name, err);
		if (target < 0)
			return target;
	} else {
		target = openat(dir, name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC | O_NOFOLLOW,
				0600);
		if (target < 0)
			return error_sys(err, errno, "make %s in the VM's share", name);
	}
	return mount_fd_attach(mount_fd, target, err);
}

struct attachment {
	const struct share *share;
	int vmwp;
};

static int attach_bind(const struct attachment *a, const struct opened *o, size_t i, int mounts,
		       struct error *err)
{
	const struct mount_step *step = &a->share->mounts->steps[i];
	char name[24];

	(void)snprintf(name, sizeof(name), "%zu", i);
	if (o->links[i] && symlinkat(o->links[i], mounts, name) < 0)
		return error_sys(err, errno, "mounts[%zu] (%s)", i, step->target);
	if (o->binds[i] < 0)
		return 0;
	if (attach(o->binds[i], mounts, name, err) < 0)
		return error_wrap(err, -err->code, "mounts[%zu] (%s)", i, step->target);
	return 0;
}

static int attach_all(const struct attachment *a, const struct opened *o, struct error *err)
{
	_cleanup_close_ int share = -1, own = -1, mounts = -1;
	int r;

	share = enter(a->vmwp, err);
	if (share < 0)
		return share;
	(void)umask(0);
	own = make_dir(share, a->share->id, err);
	if (own < 0)
		return own;
	mounts = make_dir(own, "mounts", err);
	if (mounts < 0)
		return mounts;
	r = o->root < 0 ? 0 : attach(o->root, own, "rootfs", err);
	for (size_t i = 0; r == 0 && i < o->len; i++)
		r = attach_bind(a, o, i, mounts, err);
	return r;
}

static int attach_child(void *data, struct error *err)
{
	const struct attachment *a = data;
	_cleanup_(opened_done) struct opened o = { .root = -1 };
	int r = open_all(a->share, &o, err);

	return r < 0 ? r : attach_all(a, &o, err);
}

int share_attach(const struct share *share, int vmwp, struct error *err)
{
	struct attachment a = { .share = share, .vmwp = vmwp };

	return in_child(attach_child, &a, err);
}

struct detachment {
	const char *id;
	int vmwp;
};

/* Everything mounted on an entry of dir, and the entry. */
static void empty(int dir_fd)
{
	_cleanup_closedir_ DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir) {
		(void)close_fd(dir_fd);
		return;
	}
	if (fchdir(dir_fd) < 0)
		return;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)umount2(entry->d_name, MNT_DETACH | UMOUNT_NOFOLLOW);
		if (unlink(entry->d_name) < 0)
			(void)rmdir(entry->d_name);
	}
}

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int detach_child(void *data, struct error *err)
{
	const struct detachment *d = data;
	_cleanup_close_ int share = enter(d->vmwp, err), own = -1;
	int mounts;

	if (share < 0)
		return share;
	own = open_dir(share, d->id);
	if (own < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open the VM's share");
	mounts = open_dir(own, "mounts");
	if (mounts >= 0)
		empty(mounts);
	empty(fcntl(own, F_DUPFD_CLOEXEC, 3));
	if (fchdir(share) < 0 || rmdir(d->id) < 0)
		return error_sys(err, errno, "remove %s from the VM's share", d->id);
	return 0;
}

int share_detach(const char *id, int vmwp, struct error *err)
{
	struct detachment d = { .id = id, .vmwp = vmwp };

	return in_child(detach_child, &d, err);
}
