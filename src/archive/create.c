/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "archive/links.h"
#include "archive/format.h"
#include "archive/tree.h"
#include "base/fd.h"
#include "base/path.h"

#define BLOCK 65536
#define DEPTH_MAX 2048 /* PATH_MAX of one-letter names */

struct create {
	const struct archive_create *how;
	struct archive *archive;
	int fd;
	struct error failure; /* of fd */
	struct links links;
	char *buffer; /* BLOCK */
	char *xattr;  /* XATTR_SIZE_MAX */
	uint64_t mount_id;
	size_t prefix; /* what path itself is called, before "/a/b" */
	unsigned depth;
};

static la_ssize_t write_fd(struct archive *archive, void *data, const void *buffer, size_t len)
{
	struct create *create = data;
	int r = fd_write_all(create->fd, buffer, len);

	if (r == 0)
		return (la_ssize_t)len;
	(void)error_sys(&create->failure, -r, "write the archive");
	archive_set_error(archive, -r, "write");
	return -1;
}

static int create_error(struct create *create, const char *name, struct error *err)
{
	if (!create->failure.code)
		return format_error(create->archive, name, err);
	error_move(err, &create->failure);
	return -err->code;
}

static int name_error(const char *what, const char *name, struct error *err)
{
	int code = errno;
	char buf[FORMAT_NAME_SIZE];

	return error_sys(err, code, "archive: %s %s", what, format_name(name, buf));
}

static uint64_t mount_of(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID))
		return UINT64_MAX;
	return stx.stx_mnt_id;
}

static bool left_out(const char *xattr)
{
	return strncmp(xattr, "trusted.overlay.", 16) == 0 ||
	       strcmp(xattr, "security.selinux") == 0;
}

static int add_xattrs(struct create *create, struct archive_entry *entry, int node,
		      const char *name, struct error *err)
{
	char path[FD_PATH_MAX], list[4096];
	_cleanup_free_ char *longer = NULL;
	char *names = list;
	ssize_t len;

	/* The descriptor is the file itself, a link too. */
	(void)fd_path(node, path);
	len = listxattr(path, list, sizeof(list));
	if (len < 0 && errno == ERANGE) {
		names = longer = malloc(XATTR_LIST_MAX);
		if (!longer)
			return error_oom(err);
		len = listxattr(path, longer, XATTR_LIST_MAX);
	}
	if (len < 0)
		return errno == ENOTSUP ? 0 : name_error("read the attributes of", name, err);
	for (char *key = names; key < names + len; key += strlen(key) + 1) {
		ssize_t n;

		if (left_out(key))
			continue;
		n = getxattr(path, key, create->xattr, XATTR_SIZE_MAX);
		if (n < 0 && errno == ENODATA)
			continue;
		if (n < 0)
			return name_error("read the attributes of", name, err);
		archive_entry_xattr_add_entry(entry, key, create->xattr, (size_t)n);
	}
	return 0;
}

static int write_header(struct create *create, struct archive_entry *entry, const char *name,
			struct error *err)
{
	int r = archive_write_header(create->archive, entry);

	if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && format_warning_of_charset(create->archive)))
		return 0;
	return create_error(create, name, err);
}

static int write_data(struct create *create, size_t len, const char *name, struct error *err)
{
	la_ssize_t n = archive_write_data(create->archive, create->buffer, len);

	return n == (la_ssize_t)len ? 0 : create_error(create, name, err);
}

/* The whole of the file, holes as zeros: libarchive leaves out what the entry calls a hole. */
static int write_content(struct create *create, int fd, off_t size, const char *name,
			 struct error *err)
{
	for (off_t done = 0; done < size;) {
		size_t part = size - done < BLOCK ? (size_t)(size - done) : BLOCK;
		off_t data = lseek(fd, done, SEEK_DATA);
		ssize_t n = 0;
		int r;

		if (data < 0 && errno == ENXIO)
			data = size;
		if (data > done && (uint64_t)(data - done) < part)
			part = (size_t)(data - done);
		if (data <= done)
			n = pread(fd, create->buffer, part, done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return name_error("read", name, err);
		/* A hole, or it has become shorter. */
		if (n == 0)
			memset(create->buffer, 0, part);
		else
			part = (size_t)n;
		r = write_data(create, part, name, err);
		if (r < 0)
			return r;
		done += (off_t)part;
	}
	return 0;
}

static void add_holes(struct archive_entry *entry, int fd, off_t size)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 || data >= size)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		archive_entry_sparse_add_entry(entry, data, hole - data);
		at = hole;
	}
	/* A hole at the end, or nothing else: libarchive wants a block of no length there. */
	if (at < size)
		archive_entry_sparse_add_entry(entry, size, 0);
}

static void set_attributes(struct archive_entry *entry, const struct stat *st)
{
	archive_entry_set_filetype(entry, st->st_mode & S_IFMT);
	archive_entry_set_perm(entry, st->st_mode & 07777);
	archive_entry_set_uid(entry, st->st_uid);
	archive_entry_set_gid(entry, st->st_gid);
	archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		archive_entry_set_rdevmajor(entry, major(st->st_rdev));
		archive_entry_set_rdevminor(entry, minor(st->st_rdev));
	}
}

/* An empty file whose name is the message. */
static int write_marker(struct create *create, const char *name, struct error *err)
{
	struct archive_entry *entry = archive_entry_new();
	struct stat st = { .st_mode = S_IFREG };
	int r;

	if (!entry)
		return error_oom(err);
	archive_entry_copy_pathname(entry, name);
	set_attributes(entry, &st);
	r = write_header(create, entry, name, err);
	archive_entry_free(entry);
	return r;
}

static int write_whiteout(struct create *create, const char *name, struct error *err)
{
	const char *slash = strrchr(name, '/');
	int dir = slash ? (int)(slash + 1 - name) : 0;
	_cleanup_free_ char *marker = NULL;

	if (asprintf(&marker, "%.*s.wh.%s", dir, name, name + dir) < 0) {
		marker = NULL;
		return error_oom(err);
	}
	return write_marker(create, marker, err);
}

static int write_entry(struct create *create, int node, const struct stat *st, const char *name,
		       struct error *err)
{
	struct archive_entry *entry = archive_entry_new();
	_cleanup_close_ int content = -1;
	char link[PATH_MAX], via[FD_PATH_MAX];
	const char *first = NULL;
	int r = 0;

	if (!entry)
		return error_oom(err);
	archive_entry_copy_pathname(entry, name);
	set_attributes(entry, st);
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		r = links_seen(&create->links, st, name, &first, err);
	if (first) {
		archive_entry_set_size(entry, 0);
		archive_entry_copy_hardlink(entry, first);
	} else if (r == 0 && S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(node, "", link, sizeof(link) - 1);

		if (n < 0)
			r = name_error("read the link", name, err);
		else
			link[n] = '\0';
		archive_entry_copy_symlink(entry, n < 0 ? "" : link);
	} else if (r == 0 && S_ISREG(st->st_mode) && st->st_size > 0) {
		/* The same file: what stands by its name by now does not matter. */
		content = open(fd_path(node, via), O_RDONLY | O_CLOEXEC);
		if (content < 0)
			r = name_error("open", name, err);
		else if ((uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size)
			add_holes(entry, content, st->st_size);
	}
	if (r == 0 && !first)
		r = add_xattrs(create, entry, node, name, err);
	if (r == 0)
		r = write_header(create, entry, name, err);
	if (r == 0 && content >= 0)
		r = write_content(create, content, st->st_size, name, err);
	archive_entry_free(entry);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **items;
	size_t len, size;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->len; i++)
		free(names->items[i]);
	free(names->items);
}

static int read_names(int node, const char *name, struct names *ret, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return name_error("open the directory", name, err);
	}
	while ((errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (ret->len == ret->size) {
			size_t size = ret->size ? ret->size * 2 : 32;
			char **items = reallocarray(ret->items, size, sizeof(*items));

			if (!items)
				return error_oom(err);
			ret->items = items;
			ret->size = size;
		}
		ret->items[ret->len] = strdup(entry->d_name);
		if (!ret->items[ret->len++])
			return error_oom(err);
	}
	if (errno)
		return name_error("read the directory", name, err);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof(*ret->items), by_name);
	return 0;
}

static bool is_excluded(const struct create *create, const char *name)
{
	const char *const *exclude = create->how->exclude;

	for (; exclude && *exclude; exclude++)
		if (strcmp(*exclude, name + create->prefix) == 0)
			return true;
	return false;
}

static int create_node(struct create *create, int node, const char *name, struct error *err);

static int create_children(struct create *create, int node, const char *name, struct error *err)
{
	_cleanup_(names_done) struct names names = { 0 };
	int r;

	if (++create->depth > DEPTH_MAX) {
		errno = ENAMETOOLONG;
		return name_error("descend into", name, err);
	}
	r = read_names(node, name, &names, err);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		_cleanup_free_ char *child = NULL;
		_cleanup_close_ int fd =
			openat(node, names.items[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (asprintf(&child, "%s/%s", name, names.items[i]) < 0) {
			child = NULL;
			return error_oom(err);
		}
		if (is_excluded(create, child) || (fd < 0 && errno == ENOENT)) /* removed since */
			continue;
		if (fd < 0)
			return name_error("open", child, err);
		r = create_node(create, fd, child, err);
	}
	create->depth--;
	return r;
}

static bool is_opaque(int node)
{
	char path[FD_PATH_MAX], value = 0;

	return getxattr(fd_path(node, path), "trusted.overlay.opaque", &value, 1) == 1 &&
	       value == 'y';
}

static int create_node(struct create *create, int node, const char *name, struct error *err)
{
	bool overlay = create->how->whiteout == ARCHIVE_WHITEOUT_OVERLAY, mounted;
	struct stat st;
	int r;

	if (fstat(node, &st) < 0)
		return name_error("look at", name, err);
	mounted = !create->how->mounts && mount_of(node) != create->mount_id;
	if (S_ISSOCK(st.st_mode) || (mounted && !S_ISDIR(st.st_mode)))
		return 0;
	if (overlay && is_whiteout(&st))
		return write_whiteout(create, name, err);
	r = write_entry(create, node, &st, name, err);
	if (r < 0 || !S_ISDIR(st.st_mode) || mounted)
		return r;
	if (overlay && is_opaque(node)) {
		_cleanup_free_ char *marker = NULL;

		if (asprintf(&marker, "%s/.wh..wh..opq", name) < 0) {
			marker = NULL;
			return error_oom(err);
		}
		r = write_marker(create, marker, err);
		if (r < 0)
			return r;
	}
	return create_children(create, node, name, err);
}

static int open_archive(struct create *create, struct error *err)
{
	create->archive = archive_write_new();
	create->buffer = malloc(BLOCK);
	create->xattr = malloc(XATTR_SIZE_MAX);
	if (!create->archive || !create->buffer || !create->xattr)
		return error_oom(err);
	if (archive_write_set_format_pax(create->archive) != ARCHIVE_OK ||
	    archive_write_set_options(create->archive, "pax:xattrheader=SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(create->archive, BLOCK) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(create->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(create->archive, create, NULL, write_fd, NULL) != ARCHIVE_OK)
		return create_error(create, NULL, err);
	return 0;
}

int archive_create(int fd, const struct archive_create *how, struct error *err)
{
	_cleanup_format_locale_ struct format_locale locale = { 0 };
	struct create create = { .how = how, .fd = fd };
	_cleanup_close_ int node = -1;
	char buf[FORMAT_NAME_SIZE];
	int r;

	node = path_open(how->root, how->path, O_PATH | (how->follow ? 0 : O_NOFOLLOW));
	if (node < 0)
		return error_sys(err, -node, "%s", format_name(how->path, buf));
	create.mount_id = mount_of(node);
	create.prefix = strlen(how->name ? how->name : ".");
	r = format_locale_enter(&locale, err);
	if (r == 0)
		r = open_archive(&create, err);
	if (r == 0)
		r = create_node(&create, node, how->name ? how->name : ".", err);
	if (r == 0 && archive_write_close(create.archive) != ARCHIVE_OK)
		r = create_error(&create, NULL, err);
	if (create.archive)
		(void)archive_write_free(create.archive);
	links_done(&create.links);
	error_done(&create.failure);
	free(create.buffer);
	free(create.xattr);
	return r;
}
