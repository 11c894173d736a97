/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "archive/format.h"
#include "archive/tree.h"
#include "base/path.h"

void attributes_done(struct attributes *attributes)
{
	for (size_t i = 0; i < attributes->xattrs_len; i++) {
		free(attributes->xattrs[i].name);
		free(attributes->xattrs[i].value);
	}
	free(attributes->xattrs);
	*attributes = (struct attributes){ 0 };
}

static int apply_error(const char *what, const char *name, struct error *err)
{
	int code = errno;
	char buf[FORMAT_NAME_SIZE];

	return error_sys(err, code, "archive: set the %s of %s", what, format_name(name, buf));
}

static int xattr_error(const struct attribute *xattr, const char *name, struct error *err)
{
	int code = errno;
	char buf[FORMAT_NAME_SIZE], which[FORMAT_NAME_SIZE];

	return error_sys(err, code, "archive: set the extended attribute %s of %s",
			 format_name(xattr->name, which), format_name(name, buf));
}

int attributes_apply(int fd, const struct attributes *attributes, const char *name,
		     struct error *err)
{
	if (attributes->owner && fchown(fd, attributes->uid, attributes->gid) < 0)
		return apply_error("owner", name, err);
	if (fchmod(fd, attributes->mode) < 0)
		return apply_error("mode", name, err);
	/* After the owner, whose change takes capabilities away; after the mode, which an ACL refines. */
	for (size_t i = 0; i < attributes->xattrs_len; i++) {
		const struct attribute *xattr = &attributes->xattrs[i];

		if (fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) < 0)
			return xattr_error(xattr, name, err);
	}
	if (futimens(fd, attributes->times) < 0)
		return apply_error("times", name, err);
	return 0;
}

int attributes_apply_at(int dir, const char *base, const struct attributes *attributes,
			const char *name, struct error *err)
{
	char path[FD_PATH_MAX + NAME_MAX + 1], via[FD_PATH_MAX];
	struct stat st;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return apply_error("attributes", name, err);
	if (attributes->owner &&
	    fchownat(dir, base, attributes->uid, attributes->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return apply_error("owner", name, err);
	(void)snprintf(path, sizeof(path), "%s/%s", fd_path(dir, via), base);
	/* A link has no mode. A device or FIFO was made by us a moment ago; who could swap it for a link
	 * is stopped by the descriptor. */
	if (!S_ISLNK(st.st_mode)) {
		_cleanup_close_ int fd = openat(dir, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) ||
		    chmod(fd_path(fd, via), attributes->mode) < 0)
			return apply_error("mode", name, err);
	}
	for (size_t i = 0; i < attributes->xattrs_len; i++) {
		const struct attribute *xattr = &attributes->xattrs[i];

		if (lsetxattr(path, xattr->name, xattr->value, xattr->len, 0) < 0)
			return xattr_error(xattr, name, err);
	}
	if (utimensat(dir, base, attributes->times, AT_SYMLINK_NOFOLLOW) < 0)
		return apply_error("times", name, err);
	return 0;
}
