/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "archive/format.h"
#include "base/path.h"

/* Of directories whose attributes wait: more than a million. */
#define LATE_BYTES_MAX ((size_t)256 * 1024 * 1024)

void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->late_len; i++) {
		free(tree->late[i].name);
		attributes_done(&tree->late[i].attributes);
	}
	free(tree->late);
	free(tree->parent_name);
	(void)close_fd(tree->parent);
	*tree = TREE_INIT;
}

int tree_make_opaque(int dir, const char *base, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char path[FD_PATH_MAX];

	if (*base) {
		fd = openat(dir, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, errno, "open a directory that hides those below");
	}
	if (setxattr(fd_path(fd < 0 ? dir : fd, path), "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_sys(err, errno, "set trusted.overlay.opaque");
	return 0;
}

/* The parent of a cleaned name, "/" for those below the root; NULL without memory. */
static char *parent_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	return len ? strndup(name, len) : strdup("/");
}

/* A directory that no entry says anything of. */
static int later_default(struct tree *tree, int dir, const char *base, const char *name,
			 struct error *err)
{
	struct attributes plain = { .mode = 0755 };
	struct stat st;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "archive: make a directory");
	/* Not the time of day: the same archive gives the same tree. */
	plain.times[0] = plain.times[1] = tree->time;
	return tree_later(tree, name, &st, &plain, err);
}

/* Makes the directory name, whose parent is open. 1: something that is no directory is there. */
static int make_component(struct tree *tree, int dir, const char *name, struct error *err)
{
	const char *base = strrchr(name, '/') + 1;
	char buf[FORMAT_NAME_SIZE];
	struct stat st;
	bool hides = false;
	int r;

	if (mkdirat(dir, base, 0700) < 0) {
		if (errno != EEXIST)
			return error_sys(err, errno, "archive: make the directory %s",
					 format_name(name, buf));
		/* Removed in this very layer, then filled anew: nothing of those below is in it. */
		if (!tree->overlay || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !is_whiteout(&st))
			return 1;
		if (unlinkat(dir, base, 0) < 0 || mkdirat(dir, base, 0700) < 0)
			return error_sys(err, errno, "archive: make the directory %s",
					 format_name(name, buf));
		hides = true;
	}
	r = later_default(tree, dir, base, name, err);
	return r == 0 && hides ? tree_make_opaque(dir, base, err) : r;
}

/* Opens the directory name, making what is missing. */
static int open_directory(struct tree *tree, const char *name, struct error *err)
{
	char prefix[PATH_MAX], buf[FORMAT_NAME_SIZE];
	size_t len = strlen(name);
	int fd = path_open(tree->root, name, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		return fd;
	if ((fd != -ENOENT && fd != -ENOTDIR) || len >= sizeof(prefix))
		return error_sys(err, -fd, "archive: open the directory %s",
				 format_name(name, buf));
	/* Component by component; each is looked up from the root again, so that links count as
	 * they do there. It is rare. */
	for (const char *end = name; *end;) {
		_cleanup_close_ int at = -1;
		_cleanup_free_ char *parent = NULL;
		int r;

		end = strchrnul(end + 1, '/');
		memcpy(prefix, name, (size_t)(end - name));
		prefix[end - name] = '\0';
		parent = parent_of(prefix);
		if (!parent)
			return error_oom(err);
		at = path_open(tree->root, parent, O_PATH | O_DIRECTORY);
		if (at < 0)
			return error_sys(err, -at, "archive: open the directory %s",
					 format_name(parent, buf));
		r = make_component(tree, at, prefix, err);
		if (r < 0)
			return r;
		/* A link to what is not there: it is made, inside the root. */
		if (r > 0) {
			fd = path_mkdirs(tree->root, prefix, 0755, err);
			if (fd < 0)
				return fd;
			(void)close_fd(fd);
		}
	}
	fd = path_open(tree->root, name, O_PATH | O_DIRECTORY);
	return fd < 0 ? error_sys(err, -fd, "archive: open the directory %s",
				  format_name(name, buf))
		      : fd;
}

int tree_place(struct tree *tree, const char *name, struct place *ret, struct error *err)
{
	_cleanup_free_ char *parent = parent_of(name);
	int fd;

	if (!parent)
		return error_oom(err);
	/* Entries come directory by directory. What could make the descriptor a wrong one, that a
	 * directory on the way is replaced, is an entry of another directory. */
	if (!tree->parent_name || strcmp(tree->parent_name, parent) != 0) {
		fd = open_directory(tree, parent, err);
		if (fd < 0)
			return fd;
		(void)close_fd(tree->parent);
		free(tree->parent_name);
		tree->parent = fd;
		tree->parent_name = TAKE_PTR(parent);
	}
	*ret = (struct place){ .dir = tree->parent, .base = strrchr(name, '/') + 1 };
	return 0;
}

int tree_later(struct tree *tree, const char *name, const struct stat *st,
	       struct attributes *attributes, struct error *err)
{
	size_t bytes = sizeof(*tree->late) + strlen(name) + 1;
	struct late_directory *late;
	char *copy;

	for (size_t i = 0; i < attributes->xattrs_len; i++)
		bytes += sizeof(struct attribute) + attributes->xattrs[i].len;
	if (tree->late_bytes + bytes > LATE_BYTES_MAX)
		return error_set(err, E2BIG, "archive: too many directories");
	if (tree->late_len == tree->late_size) {
		size_t size = tree->late_size ? tree->late_size * 2 : 64;

		late = reallocarray(tree->late, size, sizeof(*late));
		if (!late)
			return error_oom(err);
		tree->late = late;
		tree->late_size = size;
	}
	copy = strdup(name);
	if (!copy)
		return error_oom(err);
	tree->late[tree->late_len] = (struct late_directory){
		.name = copy,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.order = tree->late_len,
		.attributes = *attributes,
	};
	tree->late_len++;
	tree->late_bytes += bytes;
	*attributes = (struct attributes){ 0 };
	return 0;
}

/* What is in a directory before it, so that none is closed on the way; the last word on one first. */
static int deepest_first(const void *a, const void *b)
{
	const struct late_directory *x = a, *y = b;
	int order = strcmp(y->name, x->name);

	return order ? order : x->order < y->order ? 1 : -1;
}

int tree_finish(struct tree *tree, struct error *err)
{
	if (tree->late_len)
		qsort(tree->late, tree->late_len, sizeof(*tree->late), deepest_first);
	for (size_t i = 0; i < tree->late_len; i++) {
		const struct late_directory *late = &tree->late[i];
		_cleanup_close_ int fd = -1;
		struct stat st;
		int r;

		if (i > 0 && strcmp(late->name, tree->late[i - 1].name) == 0)
			continue;
		fd = path_open(tree->root, late->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		/* Another entry has replaced it. */
		if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_sys(err, fd < 0 ? -fd : errno, "archive: open a directory");
		if (st.st_dev != late->dev || st.st_ino != late->ino)
			continue;
		r = attributes_apply(fd, &late->attributes, late->name, err);
		if (r < 0)
			return r;
	}
	return 0;
}
