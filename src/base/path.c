/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"

#define LINKS_MAX 40 /* as the kernel's own limit on links in one resolution */

char *fd_path(int fd, char *buf)
{
	(void)snprintf(buf, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

static int open_how(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.resolve = resolve };
	int fd;

	/* EAGAIN: a rename raced with ".."; the kernel asks for another try. Bounded, since the one
	 * who renames may be hostile. */
	for (int tries = 0; tries < 64; tries++) {
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : fd;
}

int path_open(int root_fd, const char *path, int flags)
{
	return open_how(root_fd, *path ? path : ".", flags,
			RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_strict(int root_fd, const char *path, int flags)
{
	while (*path == '/')
		path++;
	/* Not O_NOFOLLOW: with O_PATH that would open a final link itself instead of refusing it.
	 */
	return open_how(root_fd, *path ? path : ".", flags,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				RESOLVE_NO_XDEV);
}

/*
 * Walks path one component at a time. `todo` is what is left; links are expanded into it here, by
 * us, so that a dangling one can have its target made. ".." is answered by asking the kernel for
 * the whole prefix again inside the root, so that it can never climb out.
 */
struct walk {
	int root_fd;
	int at;                 /* O_PATH of what has been reached, owned */
	char reached[PATH_MAX]; /* the same as a path inside the root, without links */
	char todo[PATH_MAX];
	int links;
};

static int walk_to(struct walk *w, const char *reached)
{
	int fd = open_how(w->root_fd, *reached ? reached : ".", O_PATH | O_DIRECTORY,
			  RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return fd;
	(void)close_fd(w->at);
	w->at = fd;
	return 0;
}

static int walk_up(struct walk *w)
{
	char *slash = strrchr(w->reached, '/');

	if (slash)
		*slash = '\0';
	return walk_to(w, w->reached);
}

static int walk_link(struct walk *w, const char *name)
{
	char target[PATH_MAX];
	size_t left = strlen(w->todo);
	ssize_t n = readlinkat(w->at, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (n == 0 || ++w->links > LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	if ((size_t)n + 1 + left >= sizeof(w->todo))
		return -ENAMETOOLONG;
	memmove(w->todo + n + 1, w->todo, left + 1);
	memcpy(w->todo, target, (size_t)n);
	w->todo[n] = '/';
	if (target[0] == '/') {
		w->reached[0] = '\0';
		return walk_to(w, "");
	}
	return 0;
}

/* Takes the next component of todo into name; 0 when none is left. */
static int walk_next(struct walk *w, char *name)
{
	char *p = w->todo, *end;
	size_t len;

	while (*p == '/')
		p++;
	if (!*p)
		return 0;
	end = strchrnul(p, '/');
	len = (size_t)(end - p);
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, p, len);
	name[len] = '\0';
	memmove(w->todo, end, strlen(end) + 1);
	return 1;
}

static int walk_into(struct walk *w, const char *name, int fd)
{
	size_t len = strlen(w->reached);

	if (len + 1 + strlen(name) >= sizeof(w->reached)) {
		(void)close_fd(fd);
		return -ENAMETOOLONG;
	}
	w->reached[len] = '/';
	strcpy(w->reached + len + 1, name);
	(void)close_fd(w->at);
	w->at = fd;
	return 0;
}

/* Opens name in the directory reached, as what it is (a link is not followed). A directory is made
 * when nothing is there and mode is one. */
static int walk_open(struct walk *w, const char *name, mode_t mode, bool make)
{
	/* IN_ROOT and not plain openat: a mount on it is crossed, a swapped-in link is not. */
	int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd < 0 ? -errno : fd;
	if (mkdirat(w->at, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int walk_step(struct walk *w, const char *name, mode_t mode)
{
	struct stat st;
	int fd;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return walk_up(w);
	fd = walk_open(w, name, mode, true);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		int r = -errno;

		(void)close_fd(fd);
		return r;
	}
	if (S_ISLNK(st.st_mode)) {
		(void)close_fd(fd);
		return walk_link(w, name);
	}
	if (!S_ISDIR(st.st_mode)) {
		(void)close_fd(fd);
		return -ENOTDIR;
	}
	return walk_into(w, name, fd);
}

static int walk_begin(struct walk *w, int root_fd, const char *path)
{
	w->root_fd = root_fd;
	w->at = -1;
	w->reached[0] = '\0';
	w->links = 0;
	if (strlen(path) >= sizeof(w->todo))
		return -ENAMETOOLONG;
	strcpy(w->todo, path);
	return walk_to(w, "");
}

int path_mkdirs(int root_fd, const char *path, mode_t mode, struct error *err)
{
	struct walk w;
	char name[NAME_MAX + 1];
	int r, fd;

	/* Mostly it is there already. */
	fd = path_open(root_fd, path, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		return fd;
	r = walk_begin(&w, root_fd, path);
	while (r == 0) {
		r = walk_next(&w, name);
		if (r <= 0)
			break;
		r = walk_step(&w, name, mode);
	}
	if (r < 0) {
		(void)close_fd(w.at);
		return error_sys(err, -r, "make directory %s in the root", path);
	}
	return w.at;
}

/* Walks to the parent of the last component, links in it followed; the name is in name. */
static int walk_parent(struct walk *w, char *name, mode_t mode)
{
	int r = walk_next(w, name);

	if (r == 0)
		strcpy(name, ".");
	while (r > 0) {
		char next[NAME_MAX + 1];

		if (strspn(w->todo, "/") == strlen(w->todo))
			return 0;
		r = walk_step(w, name, mode);
		if (r < 0)
			return r;
		r = walk_next(w, next);
		if (r > 0)
			strcpy(name, next);
	}
	return r;
}

/* One try at the file name in the directory reached; 1: it was a link, now expanded into todo. */
static int make_file_at(struct walk *w, const char *name, mode_t mode, int *ret)
{
	struct stat st;
	int fd = walk_open(w, name, 0, false);

	if (fd == -ENOENT) {
		/* O_EXCL: what someone put here meanwhile is looked at again, not written to. */
		fd = openat(w->at, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY,
			    mode);
		if (fd >= 0)
			(void)close_fd(fd);
		else if (errno != EEXIST)
			return -errno;
		fd = walk_open(w, name, 0, false);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode)) {
		int r = S_ISLNK(st.st_mode) ? walk_link(w, name) : -errno;

		(void)close_fd(fd);
		return r < 0 ? r : 1;
	}
	if (S_ISDIR(st.st_mode)) {
		(void)close_fd(fd);
		return -EISDIR;
	}
	*ret = fd;
	return 0;
}

int path_make_file(int root_fd, const char *path, mode_t mode, struct error *err)
{
	struct walk w;
	char name[NAME_MAX + 1];
	int r, fd = -1;

	r = walk_begin(&w, root_fd, path);
	if (r == 0)
		do {
			r = walk_parent(&w, name, 0755);
			if (r < 0)
				break;
			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
				r = -EISDIR;
				break;
			}
			r = make_file_at(&w, name, mode, &fd);
		} while (r == 1);
	(void)close_fd(w.at);
	if (r < 0)
		return error_sys(err, -r, "make file %s in the root", path);
	return fd;
}

int path_make_parent(int root_fd, const char *path, mode_t mode, const char **ret_name,
		     char *name_buf, size_t name_size, struct error *err)
{
	struct walk w;
	char name[NAME_MAX + 1];
	int r;

	r = walk_begin(&w, root_fd, path);
	if (r == 0)
		r = walk_parent(&w, name, mode);
	if (r == 0 && strcmp(name, "..") == 0)
		r = -EINVAL;
	if (r == 0 && strlen(name) >= name_size)
		r = -ENAMETOOLONG;
	if (r < 0) {
		(void)close_fd(w.at);
		return error_sys(err, -r, "make the parent of %s in the root", path);
	}
	strcpy(name_buf, name);
	*ret_name = name_buf;
	return w.at;
}

char *path_clean(const char *path)
{
	char *clean = malloc(strlen(path) + 2), *out = clean;

	if (!clean)
		return NULL;
	while (*path) {
		const char *end;
		size_t len;

		while (*path == '/')
			path++;
		end = strchrnul(path, '/');
		len = (size_t)(end - path);
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (out > clean && *--out != '/')
				;
		} else if (len > 0 && !(len == 1 && *path == '.')) {
			*out++ = '/';
			memcpy(out, path, len);
			out += len;
		}
		path = end;
	}
	if (out == clean)
		*out++ = '/';
	*out = '\0';
	return clean;
}

char *path_join(const char *base, const char *path)
{
	char *joined = NULL;

	if (*path == '/')
		return strdup(path);
	return asprintf(&joined, "%s/%s", base, path) < 0 ? NULL : joined;
}
