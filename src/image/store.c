/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/reference.h"

static const char *const directories[] = { "blobs",  "blobs/sha256", "blobs/sha512", "ingest",
					   "layers", "pins",         "tmp" };

const char *store_hex(const char *digest)
{
	return strchr(digest, ':') + 1;
}

const char *store_blob_name(const char *digest, char buf[STORE_NAME_SIZE])
{
	(void)snprintf(buf, STORE_NAME_SIZE, "blobs/%.6s/%s", digest, store_hex(digest));
	return buf;
}

const char *store_layer_name(const char *diff_id, char buf[STORE_NAME_SIZE])
{
	(void)snprintf(buf, STORE_NAME_SIZE, "layers/%s", store_hex(diff_id));
	return buf;
}

/* The data root's directories are the administrator's: links in it are his. */
static int make_path(const char *path, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return error_oom(err);
	for (char *slash = copy;;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0711) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make the directory %s", copy);
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/* images/gc comes last: where it is, all is. */
static int make_layout(struct image_store *store, struct error *err)
{
	static const char *const files[] = { "lock", "gc" };

	if (faccessat(store->fd, "gc", F_OK, 0) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdirat(store->fd, directories[i], 0700) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make %s/%s", store->path, directories[i]);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(store->fd, files[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0)
			return error_sys(err, errno, "make %s/%s", store->path, files[i]);
		(void)close_fd(fd);
	}
	return 0;
}

static int open_store(const char *root, struct image_store *store, struct error *err)
{
	_cleanup_free_ char *absolute = NULL, *here = NULL;
	int r;

	here = *root == '/' ? NULL : getcwd(NULL, 0);
	if (*root != '/' && !here)
		return error_sys(err, errno, "the working directory");
	absolute = path_join(here ? here : "/", root);
	if (!absolute || asprintf(&store->path, "%s/images", absolute) < 0) {
		store->path = NULL;
		return error_oom(err);
	}
	store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->fd < 0 && errno == ENOENT) {
		r = make_path(absolute, err);
		if (r < 0)
			return r;
		/* Its set-id programs are for containers, not for the host's users. */
		if (mkdir(store->path, 0700) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make the directory %s", store->path);
		store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (store->fd < 0)
		return error_sys(err, errno, "open the image store %s", store->path);
	return make_layout(store, err);
}

int image_store_open(const char *root, struct image_store **ret, struct error *err)
{
	struct image_store *store = malloc(sizeof(*store));
	int r;

	if (!store)
		return error_oom(err);
	*store = (struct image_store){ .fd = -1, .hold = -1 };
	r = open_store(root, store, err);
	if (r < 0) {
		image_store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}

void image_store_close(struct image_store *store)
{
	if (!store)
		return;
	store_release(store);
	(void)close_fd(store->fd);
	free(store->path);
	free(store);
}

int image_store_fd(const struct image_store *store)
{
	return store->fd;
}

int store_lock(struct image_store *store, const char *name, int operation, struct error *err)
{
	_cleanup_close_ int fd = openat(store->fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return error_sys(err, errno, "open %s/%s", store->path, name);
	do
		r = flock(fd, operation);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EWOULDBLOCK)
		return -EWOULDBLOCK;
	if (r < 0)
		return error_sys(err, errno, "lock %s/%s", store->path, name);
	return TAKE_FD(fd);
}

int store_sync_directory(struct image_store *store, const char *dir, struct error *err)
{
	_cleanup_close_ int fd = openat(store->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return error_sys(err, errno, "write %s/%s", store->path, dir);
	return 0;
}

int store_replace(struct image_store *store, const char *dir, const char *name, const char *text,
		  struct error *err)
{
	_cleanup_close_ int at = openat(store->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	char temporary[NAME_MAX + 1];
	int r;

	/* Under a lock: one writer, and what a killed one left is overwritten. */
	(void)snprintf(temporary, sizeof(temporary), ".%.200s.new", name);
	if (at >= 0)
		fd = openat(at, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			    0600);
	if (fd < 0)
		return error_sys(err, errno, "write %s/%s/%s", store->path, dir, name);
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(at, temporary, at, name) < 0)
		r = -errno;
	if (r == 0 && fsync(at) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(at, temporary, 0);
		return error_sys(err, -r, "write %s/%s/%s", store->path, dir, name);
	}
	return 0;
}

int image_store_blob(struct image_store *store, const char *digest, size_t max, char **ret,
		     size_t *ret_len, struct error *err)
{
	char name[STORE_NAME_SIZE], buf[JSON_PRINTABLE_SIZE];
	int r;

	if (!image_digest_valid(digest))
		return error_set(err, EINVAL, "%s is no digest", json_printable(digest, buf));
	r = file_read_regular(store->fd, store_blob_name(digest, name), max, ret, ret_len);
	if (r < 0)
		return error_sys(err, -r, "content %s of the image store", digest);
	return 0;
}

int store_manifest(struct image_store *store, const struct image_descriptor *descriptor,
		   struct image_manifest *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = image_store_blob(store, descriptor->digest, IMAGE_DOCUMENT_MAX, &text, &len, err);

	return r < 0 ? r : image_manifest_parse(text, len, descriptor->media_type, ret, err);
}

int store_strv_add(struct strv *list, const char *text, struct error *err)
{
	char **items = reallocarray(list->items, list->len + 2, sizeof(*items));

	if (!items)
		return error_oom(err);
	list->items = items;
	items[list->len + 1] = NULL;
	items[list->len] = strdup(text);
	if (!items[list->len])
		return error_oom(err);
	list->len++;
	return 0;
}

void store_strv_done(struct strv *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strv){ 0 };
}

/* A layer whose root hides all below it: overlayfs does not look at this attribute there. */
static bool hides_all(const char *folder)
{
	char value = 0;

	return getxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

int image_store_folders(struct image_store *store, const struct image *image, char ***ret,
			size_t *ret_len, struct error *err)
{
	_cleanup_strv_ struct strv folders = { 0 };
	const struct strv *ids = &image->config.diff_ids;

	for (size_t i = ids->len; i-- > 0;) {
		_cleanup_free_ char *folder = NULL;
		char name[STORE_NAME_SIZE];
		int r;

		if (asprintf(&folder, "%s/%s/fs", store->path,
			     store_layer_name(ids->items[i], name)) < 0) {
			folder = NULL;
			return error_oom(err);
		}
		if (access(folder, F_OK) < 0)
			return error_set(err, errno == ENOENT ? ENODATA : errno,
					 "layer %s of image %.19s is not unpacked (pull it again)",
					 ids->items[i], image->id);
		r = store_strv_add(&folders, folder, err);
		if (r < 0)
			return r;
		if (hides_all(folder))
			break;
	}
	if (!folders.items) {
		folders.items = calloc(1, sizeof(*folders.items));
		if (!folders.items)
			return error_oom(err);
	}
	*ret = TAKE_PTR(folders.items);
	*ret_len = folders.len;
	folders.len = 0;
	return 0;
}
