/* SPDX-License-Identifier: Apache-2.0 */
#include "container/tmpcopyup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 64
#define ENTRIES_MAX 1000000
#define XATTR_LIST_MAX_SIZE 65536

struct copy {
	size_t entries;
	char names[XATTR_LIST_MAX_SIZE];
	char value[XATTR_SIZE_MAX];
};

static int copy_dir(struct copy *copy, int from, int to, int depth, struct error *err);

/* Those that tmpfs has: security.* and trusted.*; others it refuses, and goes without. */
static int copy_xattrs(struct copy *copy, int from, int to, struct error *err)
{
	ssize_t len = flistxattr(from, copy->names, sizeof(copy->names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : error_sys(err, errno, "list extended attributes");
	for (const char *name = copy->names; name < copy->names + len; name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, copy->value, sizeof(copy->value));

		if (n < 0) {
			if (errno == ENODATA || errno == ENOTSUP || errno == EPERM)
				continue;
			return error_sys(err, errno, "read attribute %s", name);
		}
		if (fsetxattr(to, name, copy->value, (size_t)n, 0) < 0 && errno != ENOTSUP &&
		    errno != EPERM)
			return error_sys(err, errno, "set attribute %s", name);
	}
	return 0;
}

/* Owner first: changing it clears set-id bits and file capabilities. */
static int copy_metadata(struct copy *copy, int from, int to, const struct stat *st,
			 struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	/* EINVAL: an owner that this user namespace has no id for; the file becomes our own. */
	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EINVAL)
		return error_sys(err, errno, "set owner");
	r = copy_xattrs(copy, from, to, err);
	if (r < 0)
		return r;
	if (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0)
		return error_sys(err, errno, "set mode and times");
	return 0;
}

static int copy_data(int from, int to, struct error *err)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? error_sys(err, errno, "copy content") : 0;
}

static int copy_file(struct copy *copy, int from_dir, int to_dir, const char *name,
		     struct error *err)
{
	_cleanup_close_ int from = -1, to = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a FIFO swapped in must not hold us up. */
	from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return error_sys(err, errno, "open");
	if (!S_ISREG(st.st_mode))
		return error_set(err, EAGAIN, "changed while it was copied");
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_sys(err, errno, "create");
	r = copy_data(from, to, err);
	return r < 0 ? r : copy_metadata(copy, from, to, &st, err);
}

static int copy_subdir(struct copy *copy, int from_dir, int to_dir, const char *name, int depth,
		       struct error *err)
{
	_cleanup_close_ int from = -1, to = -1;
	struct stat st;
	int r;

	from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return error_sys(err, errno, "open");
	if (mkdirat(to_dir, name, 0700) < 0)
		return error_sys(err, errno, "create");
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return error_sys(err, errno, "create");
	r = copy_dir(copy, from, to, depth + 1, err);
	return r < 0 ? r : copy_metadata(copy, from, to, &st, err);
}

static int copy_link(int from_dir, int to_dir, const char *name, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys(err, errno, "read link");
	target[n] = '\0';
	return symlinkat(target, to_dir, name) < 0 ? error_sys(err, errno, "create") : 0;
}

static int copy_entry(struct copy *copy, int from, int to, const char *name, int depth,
		      struct error *err)
{
	struct timespec times[2];
	struct stat st;
	int r;

	if (++copy->entries > ENTRIES_MAX)
		return error_set(err, E2BIG, "more than %d entries", ENTRIES_MAX);
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "stat");
	if (S_ISDIR(st.st_mode))
		return copy_subdir(copy, from, to, name, depth, err);
	if (S_ISREG(st.st_mode))
		return copy_file(copy, from, to, name, err);
	if (S_ISLNK(st.st_mode))
		r = copy_link(from, to, name, err);
	else
		r = mknodat(to, name, st.st_mode, st.st_rdev) < 0 ? error_sys(err, errno, "create")
								  : 0;
	if (r < 0)
		return r;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return error_sys(err, errno, "set owner");
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "set times");
	return 0;
}

static int copy_dir(struct copy *copy, int from, int to, int depth, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_close_ int fd = -1;
	struct dirent *entry;

	if (depth > DEPTH_MAX)
		return error_set(err, E2BIG, "more than %d levels", DEPTH_MAX);
	fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return error_sys(err, errno, "open");
	(void)TAKE_FD(fd);
	while (errno = 0, (entry = readdir(dir))) {
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = copy_entry(copy, from, to, entry->d_name, depth, err);
		if (r < 0)
			return error_wrap(err, r, "%s", entry->d_name);
	}
	return errno ? error_sys(err, errno, "read directory") : 0;
}

int tmpcopyup(int from, int to, struct error *err)
{
	_cleanup_free_ struct copy *copy = malloc(sizeof(*copy));
	_cleanup_close_ int from_dir = -1, to_dir = -1;
	int r;

	if (!copy)
		return error_oom(err);
	copy->entries = 0;
	from_dir = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to_dir = from_dir < 0 ? -1 : openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to_dir < 0)
		return error_sys(err, errno, "tmpcopyup");
	r = copy_dir(copy, from_dir, to_dir, 0, err);
	return r < 0 ? error_wrap(err, r, "tmpcopyup") : 0;
}
