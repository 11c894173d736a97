/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cgroup_mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "container/cgroup/cgroup.h"
#include "container/fs_context.h"
#include "container/mount_fd.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

static uint64_t attrs_of(const struct mount_step *step)
{
	return step->options.attrs.set | step->options.rec_attrs.set;
}

/* The container's own directory of a hierarchy, detached. */
static int clone_own(const struct cgroup_hierarchy *h, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s%s", h->mountpoint, h->path) < 0) {
		path = NULL;
		return error_oom(err);
	}
	fd = mount_fd_clone(AT_FDCWD, path, false);
	return fd < 0 ? error_sys(err, -fd, "cgroup directory %s", path) : fd;
}

static int attach(struct rootfs *fs, const struct mount_step *step, int fd, struct error *err)
{
	_cleanup_close_ int target =
		mount_target_open(fs->root_fd, step->target, true, step->no_links, err);

	return target < 0 ? target : mount_fd_attach(fd, target, err);
}

/* Attributes and propagation of everything under the mount, in the spec's order: last. */
static int settle(const struct mount_step *step, int fd, uint64_t more, struct error *err)
{
	int r = mount_fd_set(fd, (struct mount_attrs){ .set = attrs_of(step) | more }, true, err);

	if (r < 0)
		return r;
	if (step->options.propagations_len == 0)
		return mount_fd_propagate(fd, MS_PRIVATE, true, err);
	for (size_t i = 0; r == 0 && i < step->options.propagations_len; i++)
		r = mount_fd_propagate(fd, step->options.propagations[i].type,
				       step->options.propagations[i].recursive, err);
	return r;
}

/* Without cgroups of its own the container may look at the host's, and change nothing
 * (CVE-2023-25809). */
static int mount_host_view(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_close_ int fd = mount_fd_clone(AT_FDCWD, "/sys/fs/cgroup", true);
	int r;

	if (fd < 0)
		return error_sys(err, -fd, "bind the host's /sys/fs/cgroup");
	r = settle(step, fd, MOUNT_ATTR_RDONLY, err);
	return r < 0 ? r : attach(fs, step, fd, err);
}

static int open_cgroup2(const struct mount_step *step, struct error *err)
{
	_cleanup_close_ int ctx = fs_context_open("cgroup2", err);
	int r;

	if (ctx < 0)
		return ctx;
	r = fs_context_set(ctx, "source", "cgroup2", err);
	return r < 0 ? r : fs_context_mount(ctx, attrs_of(step), err);
}

/* cgroup2 itself where a cgroup namespace makes the container's directory its root. Without one
 * that would be the host's whole tree: the directory is bound instead. */
static int mount_unified(struct rootfs *fs, const struct mount_step *step,
			 const struct cgroup_hierarchy *h, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	_cleanup_close_ int fd = fs->new_cgroupns ? open_cgroup2(step, &cause) : -EPERM;
	int r;

	/* EBUSY: mounted with other options in this namespace; EPERM: not its owner. */
	if (fd == -EPERM || fd == -EBUSY)
		fd = clone_own(h, err);
	else if (fd < 0)
		error_move(err, &cause);
	if (fd < 0)
		return fd;
	r = settle(step, fd, 0, err);
	return r < 0 ? r : attach(fs, step, fd, err);
}

/* "cpu,cpuacct" is found under the name of each of its controllers too. */
static int link_controllers(int dir_fd, const char *name, struct error *err)
{
	const char *p = name;

	if (!strchr(name, ','))
		return 0;
	while (*p) {
		char link[NAME_MAX + 1];
		size_t len = strcspn(p, ",");

		if (len > 0 && len < sizeof(link)) {
			memcpy(link, p, len);
			link[len] = '\0';
			if (symlinkat(name, dir_fd, link) < 0 && errno != EEXIST)
				return error_sys(err, errno, "symbolic link %s", link);
		}
		p += len;
		p += *p == ',';
	}
	return 0;
}

static int mount_hierarchy(int dir_fd, const struct cgroup_hierarchy *h, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	_cleanup_close_ int fd = clone_own(h, &cause);
	int r;

	/* A hierarchy where the container has no directory (rootless) is not its own. */
	if (fd == -ENOENT)
		return 0;
	if (fd < 0) {
		error_move(err, &cause);
		return fd;
	}
	if (mkdirat(dir_fd, h->name, 0755) < 0)
		return error_sys(err, errno, "make directory %s", h->name);
	r = mount_fd_attach_at(fd, dir_fd, h->name, err);
	return r < 0 ? r : link_controllers(dir_fd, h->name, err);
}

/* v1: a tmpfs with one bind a hierarchy. The same with a new cgroup namespace, since the binds are
 * made of the container's own directories. */
static int mount_hierarchies(struct rootfs *fs, const struct mount_step *step,
			     const struct cgroup_hierarchy *hierarchies, size_t len,
			     struct error *err)
{
	_cleanup_close_ int ctx = fs_context_open("tmpfs", err), fd = -1;
	int r;

	if (ctx < 0)
		return ctx;
	r = fs_context_set(ctx, "source", "tmpfs", err);
	if (r == 0)
		r = fs_context_set(ctx, "mode", "755", err);
	if (r < 0)
		return r;
	fd = fs_context_mount(ctx, attrs_of(step) & ~(uint64_t)MOUNT_ATTR_RDONLY, err);
	if (fd < 0)
		return fd;
	r = attach(fs, step, fd, err);
	for (size_t i = 0; r == 0 && i < len; i++)
		r = mount_hierarchy(fd, &hierarchies[i], err);
	return r < 0 ? r : settle(step, fd, 0, err);
}

int cgroup_mount(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	const struct cgroup_hierarchy *hierarchies;
	size_t len;

	if (!fs->cgroup)
		return mount_host_view(fs, step, err);
	len = cgroup_hierarchies(fs->cgroup, &hierarchies);
	if (len == 0)
		return mount_host_view(fs, step, err);
	if (cgroup_is_unified(fs->cgroup))
		return mount_unified(fs, step, &hierarchies[0], err);
	return mount_hierarchies(fs, step, hierarchies, len, err);
}
