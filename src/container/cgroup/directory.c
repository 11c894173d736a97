/* SPDX-License-Identifier: Apache-2.0 */
/* Making the container's directories. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

#define DIR_MODE 0755
#define LEVELS_MAX 256
/* A parent that someone else removes between our two steps is made again so often. */
#define PARENT_RETRIES 16
#define CPUSET_LIST_MAX 4096

static bool is_busy(const char *dir)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct pid_list list = { 0 };
	int r = pid_list_add_tree(&list, AT_FDCWD, dir);

	pids = list.items;
	return r == 0 && list.len > 0;
}

static int busy_error(const struct hierarchy *h, struct error *err)
{
	return error_set(
		err, EBUSY,
		"cgroup %s has processes in it already; choose another linux.cgroupsPath or "
		"end them",
		h->dir);
}

int cgroup_check_unused(const struct cgroup *cg, struct error *err)
{
	/* systemd names the unit, and refuses one that is there. */
	if (cg->manager != CGROUP_CGROUPFS)
		return 0;
	for (size_t i = 0; i < cg->n; i++)
		if (is_busy(cg->h[i].dir))
			return busy_error(&cg->h[i], err);
	return 0;
}

/* The slash that ends each level of h->dir below the mount point, the last being its end. */
static size_t find_levels(const struct hierarchy *h, char **ends, size_t max)
{
	char *p = h->dir + strlen(h->mountpoint);
	size_t n = 0;

	while (n < max && *p) {
		p += strspn(p, "/");
		if (!*p)
			break;
		p += strcspn(p, "/");
		ends[n++] = p;
	}
	return n;
}

/* Copies a cpuset file from the parent where it is empty; parent's own comes first. */
static int inherit_cpuset(const char *mountpoint, const char *dir, const char *file)
{
	char value[CPUSET_LIST_MAX];
	_cleanup_free_ char *path = NULL, *parent = NULL, *parent_file = NULL;
	const char *slash = strrchr(dir, '/');
	ssize_t len;
	int r;

	if (strlen(dir) <= strlen(mountpoint) || !slash)
		return 0;
	if (asprintf(&path, "%s/%s", dir, file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	parent = strndup(dir, (size_t)(slash - dir));
	if (!parent)
		return -ENOMEM;
	if (asprintf(&parent_file, "%s/%s", parent, file) < 0) {
		parent_file = NULL;
		return -ENOMEM;
	}
	len = read_text(AT_FDCWD, parent_file, value, sizeof(value));
	if (len == 0) {
		r = inherit_cpuset(mountpoint, parent, file);
		if (r < 0)
			return r;
		len = read_text(AT_FDCWD, parent_file, value, sizeof(value));
	}
	if (len <= 0)
		return (int)len;
	return file_write(AT_FDCWD, path, value, (size_t)len);
}

/* v1 leaves both files of a new cpuset empty, and nothing can join it so. */
static int fill_cpuset(struct hierarchy *h, const struct oci_resources *res, struct error *err)
{
	const struct oci_cpu *cpu = res ? res->cpu : NULL;
	const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	/* What the spec gives is written later; only the parents' need filling for it. */
	const bool given[] = { cpu && cpu->cpus && *cpu->cpus, cpu && cpu->mems && *cpu->mems };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *parent = NULL;
		const char *dir = h->dir;
		int r;

		if (given[i]) {
			parent = strndup(h->dir, (size_t)(strrchr(h->dir, '/') - h->dir));
			if (!parent)
				return error_oom(err);
			dir = parent;
		}
		r = inherit_cpuset(h->mountpoint, dir, files[i]);
		if (r < 0)
			return error_sys(err, -r, "cannot copy %s from the parents of %s", files[i],
					 h->dir);
	}
	return 0;
}

static void note_refused(struct hierarchy *h, const char *dir, unsigned bits, int r)
{
	h->controllers &= ~bits;
	h->refused |= bits;
	h->refused_errno = -r;
	free(h->refused_at);
	h->refused_at = strdup(dir);
}

/* Only a cgroup without processes of its own may share out controllers, the root excepted, which
 * has no cgroup.type. The kernel does not say so for cpu, cpuset and pids: it would make a threaded
 * domain of it, in which no container can live. */
static bool may_share_out(const char *dir_name)
{
	_cleanup_close_ int dir = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char procs[32];

	if (dir < 0 || faccessat(dir, "cgroup.type", F_OK, 0) < 0)
		return true;
	return read_text(dir, "cgroup.procs", procs, sizeof(procs)) <= 0;
}

/* Writes "+a +b" of bits; where that fails one by one, noting what could not be had. */
static void enable(struct hierarchy *h, const char *dir, unsigned bits)
{
	_cleanup_free_ char *path = NULL;
	char all[256] = "";
	size_t len = 0;

	if (asprintf(&path, "%s/cgroup.subtree_control", dir) < 0) {
		path = NULL;
		return;
	}
	if (!may_share_out(dir)) {
		note_refused(h, dir, bits, -EBUSY);
		return;
	}
	for (unsigned bit = 1; bit && bit <= bits; bit <<= 1)
		if (bits & bit)
			len += (size_t)snprintf(all + len, sizeof(all) - len, "+%s ",
						controller_name(bit, true));
	if (file_write(AT_FDCWD, path, all, len) == 0)
		return;
	for (unsigned bit = 1; bit && bit <= bits; bit <<= 1) {
		char one[32];
		int r;

		if (!(bits & bit))
			continue;
		len = (size_t)snprintf(one, sizeof(one), "+%s", controller_name(bit, true));
		r = file_write(AT_FDCWD, path, one, len);
		if (r < 0)
			note_refused(h, dir, bit, r);
	}
}

/* cgroup v2: a controller works in a directory when every one above has it in subtree_control. In
 * pure v2 all there are, for the figures; beside v1 only what is asked for, since others' cgroups
 * are affected. */
static void enable_controllers(struct cgroup *cg, struct hierarchy *h,
			       const struct oci_resources *res)
{
	unsigned wanted = h->controllers & (cg->unified ? ~0u : cgroup_wanted(res));
	char *ends[LEVELS_MAX], *end;
	size_t n = find_levels(h, ends, ARRAY_SIZE(ends));

	for (size_t level = 0; level < n && wanted; level++) {
		_cleanup_free_ char *file = NULL;
		char have[256], saved;
		unsigned missing;

		/* Level 0 is the mount point itself. */
		end = level == 0 ? h->dir + strlen(h->mountpoint) : ends[level - 1];
		saved = *end;
		*end = 0;
		if (asprintf(&file, "%s/cgroup.subtree_control", h->dir) < 0)
			file = NULL;
		missing = wanted;
		if (file && read_text(AT_FDCWD, file, have, sizeof(have)) >= 0)
			missing &= ~controllers_from_list(have);
		if (missing)
			enable(h, h->dir, missing);
		*end = saved;
		wanted &= h->controllers;
	}
}

/* mkdir of every level; those that exist are fine. */
static int make_levels(struct hierarchy *h)
{
	char *ends[LEVELS_MAX];
	size_t n = find_levels(h, ends, ARRAY_SIZE(ends));
	int r = -EINVAL;

	if (n == LEVELS_MAX)
		return -ENAMETOOLONG;
	for (unsigned attempt = 0; attempt < PARENT_RETRIES; attempt++) {
		h->made = 0;
		for (size_t i = 0; i < n; i++) {
			char saved = *ends[i];

			*ends[i] = 0;
			r = mkdir(h->dir, DIR_MODE) < 0 ? -errno : 0;
			*ends[i] = saved;
			if (r == 0)
				h->made++;
			else if (r == -EEXIST)
				h->made = 0;
			else
				break;
		}
		if (r != -ENOENT) /* removed behind our back: again from the top */
			break;
	}
	return r;
}

static int make_error(const struct hierarchy *h, int r, struct error *err)
{
	if (r == -EOPNOTSUPP && h->v2)
		return error_set(
			err, EOPNOTSUPP,
			"cannot make cgroup %s: a cgroup above it is threaded, which holds no "
			"containers; choose another linux.cgroupsPath",
			h->dir);
	if (r == -EAGAIN && h->v2)
		return error_set(
			err, EAGAIN,
			"cannot make cgroup %s: cgroup.max.descendants or cgroup.max.depth of "
			"a cgroup above it is reached",
			h->dir);
	if (r == -ENOSPC)
		return error_set(err, ENOSPC,
				 "cannot make cgroup %s: the kernel allows no more cgroups",
				 h->dir);
	return error_sys(err, -r, "cannot make cgroup %s", h->dir);
}

static int fit_out(struct cgroup *cg, struct hierarchy *h, const struct oci_resources *res,
		   struct error *err)
{
	if (h->v2) {
		enable_controllers(cg, h, res);
		return 0;
	}
	if (h->controllers & CONTROLLER_CPUSET)
		return fill_cpuset(h, res, err);
	return 0;
}

static bool is_denied(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static int make_directory(struct cgroup *cg, struct hierarchy *h, bool may_be_used,
			  struct error *err)
{
	int r = mkdir(h->dir, DIR_MODE) < 0 ? -errno : 0;

	h->made = r == 0;
	if (r == -ENOENT)
		r = make_levels(h);
	if (r == -EEXIST && !may_be_used && is_busy(h->dir))
		return busy_error(h, err);
	if (r == -EEXIST)
		r = 0;
	if (is_denied(r) && cg->rootless) {
		h->absent = true;
		return 0;
	}
	return r < 0 ? make_error(h, r, err) : 0;
}

int hierarchy_make(struct cgroup *cg, struct hierarchy *h, const struct oci_resources *res,
		   struct error *err)
{
	int r;

	if (h->ready)
		return 0;
	r = make_directory(cg, h, false, err);
	if (r == 0 && !h->absent)
		r = fit_out(cg, h, res, err);
	h->ready = r == 0;
	return r;
}

int hierarchy_join(struct cgroup *cg, struct hierarchy *h, const struct oci_resources *res,
		   struct error *err)
{
	int r = make_directory(cg, h, true, err);

	return r < 0 || h->absent ? r : fit_out(cg, h, res, err);
}

void hierarchy_unmake(struct hierarchy *h)
{
	h->dir_fd = close_fd(h->dir_fd);
	h->enter_fd = close_fd(h->enter_fd);
	while (h->made > 0) {
		char *slash = strrchr(h->dir, '/');

		if (rmdir(h->dir) < 0 || slash <= h->dir + strlen(h->mountpoint))
			break;
		*slash = 0; /* h->dir is of no more use: this is the way out */
		h->made--;
	}
	h->made = 0;
	h->absent = true;
}
