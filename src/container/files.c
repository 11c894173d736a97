/* SPDX-License-Identifier: Apache-2.0 */
#include "container/files.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/pid.h"

static const char *const kinds[CONTAINER_FILES_KINDS] = {
	[CONTAINER_FILES_STAT] = "stat",
	[CONTAINER_FILES_PACK] = "pack",
	[CONTAINER_FILES_UNPACK] = "unpack",
	[CONTAINER_FILES_CHANGES] = "changes",
};

const char *container_files_name(enum container_files_kind kind)
{
	return kinds[kind];
}

int container_files_parse(const char *name, enum container_files_kind *ret)
{
	for (int i = 0; i < CONTAINER_FILES_KINDS; i++) {
		if (strcmp(kinds[i], name) != 0)
			continue;
		*ret = (enum container_files_kind)i;
		return 0;
	}
	return -EINVAL;
}

static int open_root(const struct container *c, struct error *err)
{
	_cleanup_close_ int root = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)c->pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Its pid is another's by now? */
	if (!pid_is_alive(c->pid, c->pid_start))
		return error_set(err, ESRCH, "container \"%s\" is stopped: container not running",
				 c->id);
	if (root < 0)
		return error_sys(err, errno, "open the root of container \"%s\"", c->id);
	return TAKE_FD(root);
}

static int tell(int fd, const struct stat *st, const char *link, struct error *err)
{
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:s*}", "mode", (json_int_t)st->st_mode,
				 "size", (json_int_t)st->st_size, "mtime",
				 (json_int_t)st->st_mtim.tv_sec, "uid", (json_int_t)st->st_uid,
				 "gid", (json_int_t)st->st_gid, "link", link);
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r;

	json_decref(json);
	if (!text)
		return error_oom(err);
	r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? error_sys(err, -r, "write") : 0;
}

static int stat_path(int root, const struct container_files *files, struct error *err)
{
	const int flags = O_PATH | (files->follow ? 0 : O_NOFOLLOW);
	_cleanup_close_ int fd = path_open(root, files->path, flags);
	char link[PATH_MAX];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return error_sys(err, -fd, "%s", files->path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "%s", files->path);
	if (S_ISLNK(st.st_mode))
		n = readlinkat(fd, "", link, sizeof(link) - 1);
	if (n < 0)
		return error_sys(err, errno, "read the link %s", files->path);
	link[n] = '\0';
	/* A name that is not UTF-8 is no JSON: the caller does without it. */
	return tell(files->fd, &st, n > 0 ? link : NULL, err);
}

static int unpack(int root, const struct container_files *files, struct error *err)
{
	_cleanup_close_ int dir = path_open(root, files->path, O_RDONLY | O_DIRECTORY);
	struct archive_extract how = {
		.root = dir,
		.same_owner = files->same_owner,
		.devices = true,
		.no_overwrite_dir = true,
	};

	if (dir < 0)
		return error_sys(err, -dir, "%s", files->path);
	return archive_extract(files->fd, &how, NULL, err);
}

static int pack(int root, const struct container_files *files, struct error *err)
{
	struct archive_create how = {
		.root = root,
		.path = files->path,
		.name = files->name,
		.mounts = files->mounts,
		.follow = files->follow,
	};

	return archive_create(files->fd, &how, err);
}

/* The upper directory of its overlay; where it is mounted on its own, in the caller's namespace. */
static int changes(const struct container *c, const struct oci_spec *spec,
		   const struct container_files *files, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int scratch = -1, upper = -1;
	struct archive_create how = { .path = ".", .whiteout = ARCHIVE_WHITEOUT_OVERLAY };

	if (spec->layer_folders.len == 0)
		return error_set(
			err, EOPNOTSUPP,
			"container \"%s\" has no layers (windows.layerFolders) that it could "
			"have changed",
			c->id);
	path = path_join(c->bundle, spec->layer_folders.items[spec->layer_folders.len - 1]);
	if (!path)
		return error_oom(err);
	scratch = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (scratch < 0)
		return error_sys(err, errno, "open the scratch %s", path);
	upper = openat(scratch, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return error_sys(err, errno, "open %s/upper", path);
	how.root = upper;
	how.exclude = files->exclude;
	return archive_create(files->fd, &how, err);
}

int container_files(const struct container *c, const struct oci_spec *spec,
		    const struct container_files *files, struct error *err)
{
	_cleanup_close_ int root = -1;

	if (files->kind == CONTAINER_FILES_CHANGES)
		return changes(c, spec, files, err);
	root = open_root(c, err);
	if (root < 0)
		return root;
	switch (files->kind) {
	case CONTAINER_FILES_STAT:
		return stat_path(root, files, err);
	case CONTAINER_FILES_PACK:
		return pack(root, files, err);
	case CONTAINER_FILES_UNPACK:
		return unpack(root, files, err);
	case CONTAINER_FILES_CHANGES:
	case CONTAINER_FILES_KINDS:
		break;
	}
	return error_set(err, EINVAL, "no such operation on files");
}
