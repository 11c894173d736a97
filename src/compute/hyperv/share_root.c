/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/share_root.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/mount_fd.h"
#include "container/mount_target.h"

/* Is path what is mounted at target, or below it? */
static bool covers(const char *target, const char *path)
{
	size_t len = strcmp(target, "/") == 0 ? 0 : strlen(target);

	return strncmp(target, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* By one of the first n mounts. */
static bool is_covered(const struct mount_plan *plan, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!plan->steps[i].options.remount && covers(plan->steps[i].target, path))
			return true;
	return false;
}

/* Nothing but mount points is to be made in the root itself. */
static bool can_do_without_writing(const struct share *share)
{
	const struct mount_plan *plan = share->mounts;
	const struct oci_linux *l = share->spec->linux_;

	if (!is_covered(plan, plan->len, "/dev"))
		return false;
	for (size_t i = 0; l && i < l->devices.len; i++) {
		_cleanup_free_ char *path = path_clean(l->devices.items[i].path);

		if (!path || !is_covered(plan, plan->len, path))
			return false;
	}
	for (size_t i = 0; i < plan->len; i++)
		if (plan->steps[i].options.copy_symlink)
			return false;
	return true;
}

static int make_point(const struct share *share, int root, size_t i, int source, struct error *err)
{
	const struct mount_step *step = &share->mounts->steps[i];
	struct stat st = { .st_mode = S_IFDIR };
	int fd;

	if (step->options.remount || is_covered(share->mounts, i, step->target))
		return 0;
	if (source >= 0 && fstat(source, &st) < 0)
		return error_sys(err, errno, "stat the source");
	fd = mount_target_open(root, step->target, S_ISDIR(st.st_mode), step->no_links, err);
	if (fd < 0)
		return fd;
	(void)close_fd(fd);
	return 0;
}

/* As the engine does for a working directory that an image has not. */
static int make_cwd(const struct share *share, int root, struct error *err)
{
	const char *cwd = share->spec->process->cwd;
	_cleanup_free_ char *path = path_clean(cwd);
	int fd;

	if (!path)
		return error_oom(err);
	if (is_covered(share->mounts, share->mounts->len, path))
		return 0;
	fd = path_mkdirs(root, path, 0755, err);
	if (fd < 0)
		return error_wrap(err, fd, "process.cwd %s", cwd);
	(void)close_fd(fd);
	return 0;
}

int share_root_protect(const struct share *share, int root, const int *binds, struct error *err)
{
	const struct oci_root *spec_root = share->spec->root;
	const struct mount_attrs readonly = { .set = MOUNT_ATTR_RDONLY };
	mode_t mask;
	int r = 0;

	if (!spec_root || !spec_root->readonly || !can_do_without_writing(share))
		return 0;
	mask = umask(0);
	for (size_t i = 0; r == 0 && i < share->mounts->len; i++) {
		r = make_point(share, root, i, binds[i], err);
		if (r < 0)
			(void)error_wrap(err, r, "mounts[%zu] (%s)", i,
					 share->mounts->steps[i].target);
	}
	if (r == 0)
		r = make_cwd(share, root, err);
	(void)umask(mask);
	if (r < 0)
		return r;
	r = mount_fd_set(root, readonly, false, err);
	return r < 0 ? error_wrap(err, r, "root.readonly") : 0;
}
