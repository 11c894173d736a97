/* SPDX-License-Identifier: Apache-2.0 */
#include "service/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/path.h"

#define DEPTH_MAX 512
#define COPY_STEP ((size_t)1 << 30)

static int open_directory(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The entries of a directory, on a descriptor of their own. */
static DIR *list(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		(void)close_fd(fd);
	return d;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Overlayfs's own are no content; what the new file system cannot keep is lost, as with cp -a. */
static int copy_xattrs(int from, int to, const char *name, struct error *err)
{
	char names[16384], value[65536], from_path[FD_PATH_MAX], to_path[FD_PATH_MAX];
	ssize_t len = listxattr(fd_path(from, from_path), names, sizeof(names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : error_sys(err, errno, "%s: attributes", name);
	for (const char *n = names; n < names + len; n += strlen(n) + 1) {
		ssize_t size;

		if (strncmp(n, "trusted.overlay.", 16) == 0)
			continue;
		size = getxattr(from_path, n, value, sizeof(value));
		if (size >= 0 && setxattr(fd_path(to, to_path), n, value, (size_t)size, 0) < 0 &&
		    errno != ENOTSUP && errno != EPERM)
			return error_sys(err, errno, "%s: attribute %s", name, n);
	}
	return 0;
}

/* Owner first: changing it takes set-user-ID bits and capabilities away. */
static int copy_attributes(int from, int to, const struct stat *st, const char *name,
			   struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char path[FD_PATH_MAX];
	int r;

	if (chown(fd_path(to, path), st->st_uid, st->st_gid) < 0)
		return error_sys(err, errno, "%s: owner", name);
	if (chmod(path, st->st_mode & 07777) < 0)
		return error_sys(err, errno, "%s: mode", name);
	r = copy_xattrs(from, to, name, err);
	if (r == 0 && utimensat(AT_FDCWD, path, times, 0) < 0)
		r = error_sys(err, errno, "%s: times", name);
	return r;
}

static int copy_file(int from, int to, const char *name, const struct stat *st, struct error *err)
{
	_cleanup_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_close_ int out = -1;
	struct stat now;
	ssize_t n;

	if (in < 0 || fstat(in, &now) < 0 || !S_ISREG(now.st_mode))
		return error_sys(err, in < 0 ? errno : EINVAL, "%s", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return error_sys(err, errno, "make %s", name);
	do
		n = copy_file_range(in, NULL, out, NULL, COPY_STEP, 0);
	while (n > 0);
	while (n < 0 || (n == 0 && lseek(out, 0, SEEK_CUR) < now.st_size)) {
		n = sendfile(out, in, NULL, COPY_STEP);
		if (n <= 0)
			break;
	}
	if (n < 0)
		return error_sys(err, errno, "copy %s", name);
	return copy_attributes(in, out, st, name, err);
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char target[PATH_MAX];
	ssize_t len = readlinkat(from, name, target, sizeof(target) - 1);

	if (len < 0)
		return error_sys(err, errno, "read link %s", name);
	target[len] = '\0';
	if (symlinkat(target, to, name) < 0 ||
	    fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "make link %s", name);
	(void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_node(int to, const char *name, const struct stat *st, struct error *err)
{
	if (mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0 ||
	    fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return error_sys(err, errno, "make %s", name);
	return 0;
}

static int copy_into(int from, int to, unsigned depth, struct error *err);

static int copy_directory(int from, int to, const char *name, unsigned depth, struct error *err)
{
	_cleanup_close_ int in = open_directory(from, name), out = -1;

	if (in < 0)
		return error_sys(err, -in, "open %s", name);
	if (mkdirat(to, name, 0700) < 0)
		return error_sys(err, errno, "make %s", name);
	out = open_directory(to, name);
	if (out < 0)
		return error_sys(err, -out, "open %s", name);
	return copy_into(in, out, depth + 1, err);
}

static int copy_entry(int from, int to, const char *name, unsigned depth, struct error *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "%s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_directory(from, to, name, depth, err);
	case S_IFREG:
		return copy_file(from, to, name, &st, err);
	case S_IFLNK:
		return copy_link(from, to, name, &st, err);
	case S_IFSOCK:
		return 0; /* nobody listens there any more */
	case S_IFCHR:
		if (st.st_rdev == 0)
			return 0; /* overlayfs's mark of what is removed */
		return copy_node(to, name, &st, err);
	default:
		return copy_node(to, name, &st, err);
	}
}

static int copy_into(int from, int to, unsigned depth, struct error *err)
{
	_cleanup_closedir_ DIR *d = list(from);
	const struct dirent *e;
	struct stat st;
	int r = 0;

	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "directories are more than %d deep", DEPTH_MAX);
	if (!d || fstat(from, &st) < 0)
		return error_sys(err, errno, "read a directory");
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (!is_dots(e->d_name))
			r = copy_entry(from, to, e->d_name, depth, err);
	if (r == 0 && errno)
		r = error_sys(err, errno, "read a directory");
	return r < 0 ? r : copy_attributes(from, to, &st, "the directory", err);
}

int tree_copy(int from, int to, struct error *err)
{
	return copy_into(from, to, 0, err);
}

static int remove_below(int dir, unsigned depth, struct error *err)
{
	_cleanup_closedir_ DIR *d = list(dir);
	const struct dirent *e;
	int r = 0;

	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "directories are more than %d deep", DEPTH_MAX);
	if (!d)
		return error_sys(err, errno, "read a directory");
	while (r == 0 && (e = readdir(d))) {
		_cleanup_close_ int below = -1;

		if (is_dots(e->d_name) || unlinkat(dir, e->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return error_sys(err, errno, "remove %s", e->d_name);
		below = open_directory(dir, e->d_name);
		r = below < 0 ? error_sys(err, -below, "open %s", e->d_name)
			      : remove_below(below, depth + 1, err);
		if (r == 0 && unlinkat(dir, e->d_name, AT_REMOVEDIR) < 0)
			r = error_sys(err, errno, "remove %s", e->d_name);
	}
	return r;
}

int tree_remove(int dir, const char *name, struct error *err)
{
	_cleanup_close_ int fd = open_directory(dir, name);
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return error_sys(err, -fd, "open %s", name);
	r = remove_below(fd, 0, err);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		r = error_sys(err, errno, "remove %s", name);
	return r;
}
