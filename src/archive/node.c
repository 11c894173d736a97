/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/node.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/remove.h"

#define ZEROS ((size_t)64 * 1024) /* a block of them becomes a hole */
#define ZEROS_MIN ((size_t)512)   /* so does the part of a block that comes in one piece */
#define XATTRS_MAX 1024

static int node_error(const char *what, const char *name, struct error *err)
{
	int code = errno;
	char buf[FORMAT_NAME_SIZE];

	return error_sys(err, code, "archive: %s %s", what, format_name(name, buf));
}

int node_make_room(struct extract *extract, const struct place *place, bool directory,
		   const char *name, bool *ret, struct error *err)
{
	char buf[FORMAT_NAME_SIZE];
	struct stat st;
	int r;

	*ret = false;
	if (fstatat(place->dir, place->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : node_error("look at", name, err);
	if (S_ISDIR(st.st_mode) && directory)
		return 0;
	if (extract->how->no_overwrite_dir && (S_ISDIR(st.st_mode) || directory))
		return error_set(err, directory ? ENOTDIR : EISDIR,
				 directory ? "cannot overwrite non-directory %s with a directory"
					   : "cannot overwrite directory %s with a non-directory",
				 format_name(name, buf));
	/* Never written to: it may have other names, or be open. */
	r = remove_tree(place->dir, place->base);
	if (r < 0)
		return error_sys(err, -r, "archive: replace %s", format_name(name, buf));
	*ret = !S_ISDIR(st.st_mode);
	return 0;
}

static int add_xattr(struct attributes *attributes, const char *key, const void *value, size_t len,
		     const char *name, struct error *err)
{
	struct attribute *xattr = &attributes->xattrs[attributes->xattrs_len];
	char buf[FORMAT_NAME_SIZE], which[FORMAT_NAME_SIZE];

	/* With these an image could name directories of other layers. */
	if (strncmp(key, "trusted.overlay.", 16) == 0)
		return error_set(err, EPERM,
				 "archive: %s: the extended attribute %s is overlayfs's own",
				 format_name(name, buf), format_name(key, which));
	if (strcmp(key, "security.selinux") == 0)
		return 0;
	if (len > XATTR_SIZE_MAX)
		return error_set(err, E2BIG, "archive: %s: the extended attribute %s is too long",
				 format_name(name, buf), format_name(key, which));
	xattr->name = strdup(key);
	xattr->value = malloc(len + 1);
	xattr->len = len;
	attributes->xattrs_len++; /* freed with the others from here on */
	if (!xattr->name || !xattr->value)
		return error_oom(err);
	if (len)
		memcpy(xattr->value, value, len);
	return 0;
}

static int read_attributes(struct extract *extract, struct archive_entry *entry, const char *name,
			   struct attributes *ret, struct error *err)
{
	int n = archive_entry_xattr_reset(entry), r = 0;
	char buf[FORMAT_NAME_SIZE];

	*ret = (struct attributes){
		.mode = archive_entry_perm(entry),
		.uid = (uid_t)archive_entry_uid(entry),
		.gid = (gid_t)archive_entry_gid(entry),
		.owner = extract->how->same_owner,
		.times = { { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) },
			   { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) } },
	};
	if (extract->how->no_rights) {
		mode_t type = archive_entry_filetype(entry);

		ret->mode &= type == AE_IFCHR || type == AE_IFBLK ? 0700 : 01777;
	}
	/* -1 would be "leave it as it is". */
	if (ret->owner && (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) >= UINT32_MAX ||
			   archive_entry_gid(entry) < 0 || archive_entry_gid(entry) >= UINT32_MAX))
		return error_set(err, EOVERFLOW, "archive: %s: an owner that cannot be",
				 format_name(name, buf));
	if (archive_entry_atime_is_set(entry))
		ret->times[0] = (struct timespec){ archive_entry_atime(entry),
						   archive_entry_atime_nsec(entry) };
	if (n == 0)
		return 0;
	if (n > XATTRS_MAX)
		return error_set(err, E2BIG, "archive: %s: more than %d extended attributes",
				 format_name(name, buf), XATTRS_MAX);
	ret->xattrs = calloc((size_t)n, sizeof(*ret->xattrs));
	if (!ret->xattrs)
		return error_oom(err);
	for (int i = 0; i < n && r == 0; i++) {
		const char *key;
		const void *value;
		size_t len;

		if (archive_entry_xattr_next(entry, &key, &value, &len) != ARCHIVE_OK)
			break;
		if (key && !(extract->how->no_rights && strcmp(key, "security.capability") == 0))
			r = add_xattr(ret, key, value, len, name, err);
	}
	if (r < 0)
		attributes_done(ret);
	return r;
}

static bool all_zeros(const char *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/* Writes a piece at its place; what is zero all over a block is left a hole. *end: of what was written. */
static int write_piece(int fd, const char *data, size_t len, int64_t offset, int64_t *end)
{
	while (len > 0) {
		size_t part = ZEROS - (size_t)((uint64_t)offset % ZEROS);
		size_t run = 0, hole = 0;
		ssize_t n;

		while (run < len) {
			size_t next = part < len - run ? part : len - run;

			if (next >= ZEROS_MIN && all_zeros(data + run, next)) {
				hole = next;
				break;
			}
			run += next;
			part = ZEROS;
		}
		for (size_t done = 0; done < run; done += (size_t)n) {
			n = pwrite(fd, data + done, run - done, offset + (int64_t)done);
			if (n < 0 && errno != EINTR)
				return -errno;
			if (n < 0)
				n = 0;
			*end = offset + (int64_t)done + n;
		}
		data += run + hole;
		len -= run + hole;
		offset += (int64_t)(run + hole);
	}
	return 0;
}

static int write_content(struct extract *extract, struct archive_entry *entry, int fd,
			 const char *name, struct error *err)
{
	int64_t size = archive_entry_size(entry), end = 0;
	char buf[FORMAT_NAME_SIZE];
	int r;

	if (size < 0 || (uint64_t)size > extract->limits.bytes - extract->bytes)
		return error_set(err, EFBIG,
				 "archive: %s: more than %llu bytes together in all files",
				 format_name(name, buf), (unsigned long long)extract->limits.bytes);
	extract->bytes += (uint64_t)size;
	for (;;) {
		const void *data;
		int64_t offset;
		size_t len;

		r = format_reader_data(&extract->reader, &data, &len, &offset, err);
		if (r < 0)
			return error_wrap(err, r, "%s", format_name(name, buf));
		if (r == 0)
			break;
		extract_tell(extract);
		if (len == 0)
			continue;
		if (offset < 0 || offset > size || len > (uint64_t)(size - offset))
			return error_set(err, EBADMSG, "archive: %s: data beyond its end",
					 format_name(name, buf));
		r = write_piece(fd, data, len, offset, &end);
		if (r < 0)
			return error_sys(err, -r, "archive: write %s", format_name(name, buf));
	}
	if (end < size && ftruncate(fd, size) < 0)
		return node_error("write", name, err);
	return 0;
}

static int make_file(struct extract *extract, struct archive_entry *entry,
		     const struct place *place, const char *name, struct attributes *attributes,
		     struct error *err)
{
	const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(place->dir, place->base, flags, 0600);
	bool replaced;
	int r;

	if (fd < 0 && errno == EEXIST) {
		r = node_make_room(extract, place, false, name, &replaced, err);
		if (r < 0)
			return r;
		fd = openat(place->dir, place->base, flags, 0600);
	}
	if (fd < 0)
		return node_error("make", name, err);
	r = write_content(extract, entry, fd, name, err);
	return r < 0 ? r : attributes_apply(fd, attributes, name, err);
}

static int make_directory(struct extract *extract, const struct place *place, const char *name,
			  struct attributes *attributes, struct error *err)
{
	bool replaced = false;
	struct stat st;
	int r;

	if (!*place->base) {
		/* What is copied into a container goes into a directory that is the container's. */
		if (extract->how->no_overwrite_dir)
			return 0;
		if (fstat(place->dir, &st) < 0)
			return node_error("look at", name, err);
		return tree_later(&extract->tree, name, &st, attributes, err);
	}
	if (mkdirat(place->dir, place->base, 0700) < 0) {
		if (errno != EEXIST)
			return node_error("make", name, err);
		r = node_make_room(extract, place, true, name, &replaced, err);
		if (r < 0)
			return r;
		if (replaced && mkdirat(place->dir, place->base, 0700) < 0)
			return node_error("make", name, err);
	}
	/* The file, or whiteout, before it had replaced what the layers below have in it. */
	if (replaced && extract->tree.overlay) {
		r = tree_make_opaque(place->dir, place->base, err);
		if (r < 0)
			return r;
	}
	if (fstatat(place->dir, place->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return node_error("look at", name, err);
	return tree_later(&extract->tree, name, &st, attributes, err);
}

static int link_error(const char *name, const char *target, struct error *err)
{
	int code = errno;
	char buf[FORMAT_NAME_SIZE], to[FORMAT_NAME_SIZE];

	return error_sys(err, code, "archive: link %s to %s", format_name(name, buf),
			 format_name(target, to));
}

static int make_hard_link(struct extract *extract, struct archive_entry *entry,
			  const struct place *place, const char *name, struct error *err)
{
	const char *target = archive_entry_hardlink(entry);
	_cleanup_free_ char *clean = path_clean(target), *dir = NULL;
	_cleanup_close_ int at = -1;
	struct stat there, here;
	bool replaced;
	char *slash;
	int r;

	if (!clean)
		return error_oom(err);
	r = extract_check(extract, clean, err);
	if (r < 0)
		return r;
	slash = strrchr(clean, '/');
	dir = strndup(clean, (size_t)(slash - clean));
	if (!dir)
		return error_oom(err);
	at = path_open(extract->how->root, *dir ? dir : "/", O_PATH | O_DIRECTORY);
	if (at < 0) {
		errno = -at;
		return link_error(name, target, err);
	}
	if (!slash[1])
		errno = EISDIR;
	if (!slash[1] || fstatat(at, slash + 1, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return link_error(name, target, err);
	if (S_ISDIR(there.st_mode) || (extract->tree.overlay && is_whiteout(&there))) {
		errno = S_ISDIR(there.st_mode) ? EISDIR : ENOENT;
		return link_error(name, target, err);
	}
	/* Already the same file: removing it to make room could remove the last name. */
	if (fstatat(place->dir, place->base, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		return 0;
	r = node_make_room(extract, place, false, name, &replaced, err);
	if (r < 0)
		return r;
	if (linkat(at, slash + 1, place->dir, place->base, 0) < 0)
		return link_error(name, target, err);
	return 0;
}

static int make_other(struct extract *extract, struct archive_entry *entry,
		      const struct place *place, const char *name, struct attributes *attributes,
		      struct error *err)
{
	mode_t type = archive_entry_filetype(entry);
	const char *target = archive_entry_symlink(entry);
	dev_t device = makedev((unsigned)archive_entry_rdevmajor(entry),
			       (unsigned)archive_entry_rdevminor(entry));
	char buf[FORMAT_NAME_SIZE];
	bool replaced, is_device = type == AE_IFCHR || type == AE_IFBLK;
	int r;

	if (type == AE_IFLNK && (!target || !*target))
		return error_set(err, EINVAL, "archive: %s: a symbolic link to nothing",
				 format_name(name, buf));
	if (type != AE_IFLNK && type != AE_IFIFO && !is_device)
		return error_set(err, EINVAL, "archive: %s: an unknown type of file",
				 format_name(name, buf));
	if (is_device && !extract->how->devices)
		return error_set(err, EPERM, "archive: %s: device nodes are not allowed here",
				 format_name(name, buf));
	r = node_make_room(extract, place, false, name, &replaced, err);
	if (r < 0)
		return r;
	if (type == AE_IFLNK)
		r = symlinkat(target, place->dir, place->base);
	else
		r = mknodat(place->dir, place->base, type | 0600, is_device ? device : 0);
	if (r < 0)
		return node_error("make", name, err);
	return attributes_apply_at(place->dir, place->base, attributes, name, err);
}

int node_make(struct extract *extract, struct archive_entry *entry, const char *name,
	      struct error *err)
{
	_cleanup_(attributes_done) struct attributes attributes = { 0 };
	mode_t type = archive_entry_filetype(entry);
	char buf[FORMAT_NAME_SIZE];
	struct place place;
	int r;

	r = tree_place(&extract->tree, name, &place, err);
	if (r < 0)
		return r;
	if (!*place.base && (type != AE_IFDIR || archive_entry_hardlink(entry)))
		return error_set(err, EINVAL, "archive: %s: the root must be a directory",
				 format_name(name, buf));
	if (archive_entry_hardlink(entry))
		return make_hard_link(extract, entry, &place, name, err);
	r = read_attributes(extract, entry, name, &attributes, err);
	if (r < 0)
		return r;
	switch (type) {
	case AE_IFREG:
		return make_file(extract, entry, &place, name, &attributes, err);
	case AE_IFDIR:
		return make_directory(extract, &place, name, &attributes, err);
	default:
		return make_other(extract, entry, &place, name, &attributes, err);
	}
}
