/* SPDX-License-Identifier: Apache-2.0 */
/* The image's tree as the kernel merges it, for looking things up: a detached, read-only overlay. */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/path.h"
#include "container/fs_context.h"
#include "service/bundle_parts.h"

#define LOWER_MAX 128

struct lower {
	int fds[LOWER_MAX];
	size_t len;
};

static void lower_done(struct lower *lower)
{
	for (size_t i = 0; i < lower->len; i++)
		(void)close_fd(lower->fds[i]);
}

static int add(struct lower *lower, int fd, const char *what, struct error *err)
{
	if (fd < 0)
		return error_sys(err, errno, "open %s", what);
	if (lower->len == LOWER_MAX) {
		(void)close_fd(fd);
		return error_set(err, E2BIG, "more than %d layers", LOWER_MAX - 1);
	}
	lower->fds[lower->len++] = fd;
	return 0;
}

/* Since Linux 6.13 by descriptors; before that by their names, while these fit what fsconfig(2) takes. */
static int set_lower(int ctx, const struct lower *lower, struct error *err)
{
	char list[FS_CONTEXT_VALUE_MAX + 1] = "", path[FD_PATH_MAX];
	_cleanup_error_ struct error ignored = ERROR_INIT;
	size_t used = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lower->len; i++)
		r = fs_context_set_fd(ctx, "lowerdir+", lower->fds[i], &ignored);
	if (r == 0)
		return 0;
	for (size_t i = 0; i < lower->len; i++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ":" : "",
				 fd_path(lower->fds[i], path));

		if (n < 0 || (size_t)n >= sizeof(list) - used)
			return error_set(err, E2BIG,
					 "%zu layers are too many for this kernel to look into; "
					 "give users by number",
					 lower->len);
		used += (size_t)n;
	}
	return fs_context_set(ctx, "lowerdir", list, err);
}

static int mount_merged(const struct lower *lower, struct error *err)
{
	_cleanup_close_ int ctx = fs_context_open("overlay", err);
	int r = ctx;

	if (r >= 0)
		r = fs_context_set(ctx, "source", "overlay", err);
	if (r >= 0)
		r = set_lower(ctx, lower, err);
	if (r >= 0)
		r = fs_context_set(ctx, "ro", NULL, err);
	return r < 0 ? r : fs_context_mount(ctx, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, err);
}

int bundle_image_root(const struct record *record, char *const *layers, struct error *err)
{
	_cleanup_(lower_done) struct lower lower = { 0 };
	const bool process = record->config.isolation == ISOLATION_PROCESS;
	char path[64];
	int fd, r = 0;

	/* What runs shows itself. */
	if (process && record->state.pid > 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)record->state.pid);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	if (process && record->dir_fd >= 0) {
		fd = openat(record->dir_fd, "scratch/upper",
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			r = add(&lower, fd, "scratch/upper", err);
	}
	for (size_t i = 0; r == 0 && layers[i]; i++)
		r = add(&lower, open(layers[i], O_PATH | O_DIRECTORY | O_CLOEXEC), layers[i], err);
	if (r < 0)
		return r;
	if (lower.len == 0)
		return error_set(err, ENODATA, "the image has no layers");
	/* The kernel makes no overlay of one. */
	if (lower.len == 1)
		return lower.fds[--lower.len];
	r = mount_merged(&lower, err);
	return r < 0 ? error_wrap(err, r, "look into the image") : r;
}

int bundle_layers(struct bundle *bundle, struct error *err)
{
	if (bundle->layers_len == 0)
		return error_set(err, ENODATA, "the image has no layers: there is nothing to run");
	/* Of one that was converted, or made for a VM of its own. */
	if (!bundle->disks && mkdirat(bundle->record->dir_fd, "scratch", 0700) < 0 &&
	    errno != EEXIST)
		return error_sys(err, errno, "make the scratch");
	return 0;
}
