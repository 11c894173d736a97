/* SPDX-License-Identifier: Apache-2.0 */
#include "service/volumes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/path.h"
#include "service/bundle_parts.h"
#include "service/tree_copy.h"

#define DATA "_data"
#define FILLING ".filling" /* becomes DATA when it is whole */

static int make_dir(int at, const char *name, mode_t mode, struct error *err)
{
	int fd;

	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", name) : fd;
}

static bool is_empty(int dir)
{
	_cleanup_close_ int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (!d)
		return false;
	(void)TAKE_FD(fd);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return false;
	return true;
}

/* What the image has at destination, as a directory to read; -ENOENT: nothing, or no directory. */
static int open_content(const struct container_volume *volume, const struct record *record,
			char *const *layers, int *ret_root, struct error *err)
{
	int root = bundle_image_root(record, layers, err), fd;

	if (root < 0)
		return root;
	fd = path_open(root, volume->destination, O_RDONLY | O_DIRECTORY);
	*ret_root = root;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd < 0 && fd != -ENOENT)
		return error_sys(err, -fd, "the image's %s", volume->destination);
	return fd;
}

static int fill(int dir, const struct container_volume *volume, const struct record *record,
		char *const *layers, struct error *err)
{
	_cleanup_close_ int root = -1, content = -1, filling = -1;
	int r;

	content = open_content(volume, record, layers, &root, err);
	if (content == -ENOENT)
		return 0;
	if (content < 0)
		return content;
	r = tree_remove(dir, FILLING, err);
	if (r < 0)
		return r;
	filling = make_dir(dir, FILLING, 0700, err);
	if (filling < 0)
		return filling;
	r = tree_copy(content, filling, err);
	if (r < 0)
		return error_wrap(err, r, "fill it from the image's %s", volume->destination);
	/* An empty directory gives way to another. */
	if (renameat(dir, FILLING, dir, DATA) < 0)
		return error_sys(err, errno, "put %s into its place", DATA);
	return 0;
}

int volume_prepare(const struct service *service, const struct container_volume *volume,
		   const struct record *record, char *const *layers, struct arena *arena,
		   char **ret, struct error *err)
{
	_cleanup_close_ int volumes = -1, dir = -1, data = -1;
	int r = 0;

	*ret = arena_printf(arena, "%s/volumes/%s/" DATA, service->root, volume->source);
	if (!*ret)
		return error_oom(err);
	volumes = make_dir(service->root_fd, "volumes", 0700, err);
	if (volumes < 0)
		return volumes;
	dir = make_dir(volumes, volume->source, 0700, err);
	if (dir < 0)
		return dir;
	/* Others wait until it is filled. */
	if (flock(dir, LOCK_EX) < 0)
		return error_sys(err, errno, "lock it");
	data = openat(dir, DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data >= 0 && (volume->nocopy || !is_empty(data)))
		return 0;
	if (!volume->nocopy)
		r = fill(dir, volume, record, layers, err);
	if (r < 0)
		return r;
	if (mkdirat(dir, DATA, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", DATA);
	return 0;
}
