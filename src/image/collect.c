/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing what nothing refers to. Under images/gc exclusively: nobody is adding. What is referred to
 * is found out completely before anything is removed; what cannot be read stops it.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/remove.h"
#include "image/layout.h"
#include "image/reference.h"

#define DOOMED_MAX ((size_t)16 * 1024 * 1024)

struct collection {
	struct image_store *store;
	json_t *blobs, *layers; /* sets: "sha256/HEX", HEX */
	json_t *doomed;         /* however new: both kinds */
	size_t doomed_len;      /* of images/gc as it was read */
	time_t before;
};

static int keep(json_t *set, const char *text, struct error *err)
{
	return json_object_set_new(set, text, json_true()) < 0 ? error_oom(err) : 0;
}

static int keep_blob(struct collection *collection, const char *digest, struct error *err)
{
	char name[STORE_NAME_SIZE];

	return keep(collection->blobs, store_blob_name(digest, name) + strlen("blobs/"), err);
}

static int keep_image(struct collection *collection, const char *id, const json_t *record,
		      struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest parsed = { 0 };
	_cleanup_image_config_ struct image_config config = { 0 };
	struct image_descriptor manifest, target;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	(void)names_descriptor(record, "manifest", &manifest);
	(void)names_descriptor(record, "target", &target);
	r = store_manifest(collection->store, &manifest, &parsed, err);
	if (r == 0)
		r = image_store_blob(collection->store, id, IMAGE_DOCUMENT_MAX, &text, &len, err);
	if (r == 0)
		r = image_config_parse(text, len, &config, err);
	if (r == 0)
		r = keep_blob(collection, manifest.digest, err);
	if (r == 0)
		r = keep_blob(collection, target.digest, err);
	if (r == 0)
		r = keep_blob(collection, id, err);
	for (size_t i = 0; i < parsed.layers_len && r == 0; i++)
		r = keep_blob(collection, parsed.layers[i].digest, err);
	for (size_t i = 0; i < config.diff_ids.len && r == 0; i++)
		r = keep(collection->layers, store_hex(config.diff_ids.items[i]), err);
	return r < 0 ? error_wrap(err, r, "image %.19s (remove it by this id)", id) : 0;
}

/* What is to be done with one entry of a directory. */
typedef int (*collector)(struct collection *collection, int dir, const char *name,
			 struct error *err);

static int each(struct collection *collection, const char *path, collector function,
		struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(collection->store->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return error_sys(err, errno, "read %s/%s", collection->store->path, path);
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = function(collection, dirfd(dir), entry->d_name, err);
	if (r == 0 && errno)
		r = error_sys(err, errno, "read %s/%s", collection->store->path, path);
	return r;
}

static int collect_error(struct collection *collection, const char *name, int code,
			 struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return error_sys(err, code, "remove %s from %s", json_printable(name, buf),
			 collection->store->path);
}

/* Has it been left alone long enough? */
static bool is_old(struct collection *collection, int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime <= collection->before;
}

static int collect_blob(struct collection *collection, int dir, const char *name,
			const char *algorithm, struct error *err)
{
	char key[STORE_NAME_SIZE];

	(void)snprintf(key, sizeof(key), "%s/%.150s", algorithm, name);
	if (json_object_get(collection->blobs, key) ||
	    (!json_object_get(collection->doomed, key) && !is_old(collection, dir, name)))
		return 0;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT
		       ? collect_error(collection, name, errno, err)
		       : 0;
}

static int collect_sha256(struct collection *collection, int dir, const char *name,
			  struct error *err)
{
	return collect_blob(collection, dir, name, "sha256", err);
}

static int collect_sha512(struct collection *collection, int dir, const char *name,
			  struct error *err)
{
	return collect_blob(collection, dir, name, "sha512", err);
}

/* Out of the way at once, so that a layer is there whole or not at all; then removed. */
static int collect_layer(struct collection *collection, int dir, const char *name,
			 struct error *err)
{
	char gone[NAME_MAX + 1];
	_cleanup_close_ int tmp = -1;
	int r;

	if (json_object_get(collection->layers, name) ||
	    (!json_object_get(collection->doomed, name) && !is_old(collection, dir, name)))
		return 0;
	tmp = openat(collection->store->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmp < 0)
		return collect_error(collection, name, errno, err);
	(void)snprintf(gone, sizeof(gone), "gone-%.200s", name);
	r = remove_tree(tmp, gone);
	if (r == 0 && renameat(dir, name, tmp, gone) < 0)
		r = -errno;
	if (r == 0)
		r = remove_tree(tmp, gone);
	return r < 0 ? collect_error(collection, name, -r, err) : 0;
}

/* 1: nobody holds it locked. *ret_fd keeps it so. */
static int take_unlocked(int dir, const char *name, int *ret_fd)
{
	*ret_fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* What cannot be opened cannot have been locked. */
	return *ret_fd < 0 || flock(*ret_fd, LOCK_EX | LOCK_NB) == 0;
}

static int collect_ingest(struct collection *collection, int dir, const char *name,
			  struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (!is_old(collection, dir, name) || !take_unlocked(dir, name, &fd))
		return 0;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT
		       ? collect_error(collection, name, errno, err)
		       : 0;
}

static int collect_temporary(struct collection *collection, int dir, const char *name,
			     struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (!take_unlocked(dir, name, &fd))
		return 0;
	r = remove_tree(dir, name);
	return r < 0 ? collect_error(collection, name, -r, err) : 0;
}

static int sweep(struct collection *collection, struct error *err)
{
	static const struct {
		const char *path;
		collector function;
	} steps[] = { { "blobs/sha256", collect_sha256 },
		      { "blobs/sha512", collect_sha512 },
		      { "layers", collect_layer },
		      { "ingest", collect_ingest },
		      { "tmp", collect_temporary } };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = each(collection, steps[i].path, steps[i].function, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int mark(struct collection *collection, struct error *err)
{
	_cleanup_names_ struct names names = { 0 };
	_cleanup_close_ int lock = store_lock(collection->store, "lock", LOCK_EX, err);
	const char *id;
	json_t *record;
	int r = lock < 0 ? lock : names_load(collection->store, &names, err);

	if (r < 0)
		return r;
	json_object_foreach(names.images, id, record)
	{
		r = keep_image(collection, id, record, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int store_doom(struct image_store *store, const struct strv *digests, struct error *err)
{
	_cleanup_close_ int gc = -1;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return error_oom(err);
	for (size_t i = 0; i < digests->len; i++)
		(void)fprintf(out, "%s\n", digests->items[i]);
	if (fclose(out) != 0)
		return error_oom(err);
	gc = openat(store->fd, "gc", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	r = gc < 0 ? -errno : fd_write_all(gc, text, size);
	return r < 0 ? error_sys(err, -r, "write %s/gc", store->path) : 0;
}

/* What store_doom wrote; of a line that a killed one left half, nothing. */
static int read_doomed(struct collection *collection, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	int r = file_read_regular(collection->store->fd, "gc", DOOMED_MAX, &text,
				  &collection->doomed_len);

	if (r < 0)
		return error_sys(err, -r, "read %s/gc", collection->store->path);
	for (line = strtok_r(text, "\n", &rest); line && r == 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		char name[STORE_NAME_SIZE];

		if (!image_digest_valid(line))
			continue;
		r = keep(collection->doomed, store_blob_name(line, name) + strlen("blobs/"), err);
		if (r == 0)
			r = keep(collection->doomed, store_hex(line), err);
	}
	return r;
}

/* Forgets what has been done, unless more was written meanwhile: that is under images/lock. */
static int forget_doomed(struct collection *collection, int gc, struct error *err)
{
	_cleanup_close_ int lock = store_lock(collection->store, "lock", LOCK_EX, err);
	struct stat st;

	if (lock < 0)
		return lock;
	if (fstat(gc, &st) < 0 ||
	    ((size_t)st.st_size == collection->doomed_len && ftruncate(gc, 0) < 0))
		return error_sys(err, errno, "write %s/gc", collection->store->path);
	return 0;
}

int image_store_collect(struct image_store *store, unsigned seconds, struct error *err)
{
	_cleanup_close_ int gc = store_lock(store, "gc", LOCK_EX | LOCK_NB, err);
	struct collection collection = {
		.store = store,
		.blobs = json_object(),
		.layers = json_object(),
		.doomed = json_object(),
		.before = time(NULL) - (time_t)seconds,
	};
	int r = 0;

	if (!collection.blobs || !collection.layers || !collection.doomed)
		r = error_oom(err);
	/* Somebody is adding: he does it when he is through. */
	if (gc >= 0 && r == 0) {
		r = mark(&collection, err);
		if (r == 0)
			r = read_doomed(&collection, err);
		if (r == 0)
			r = sweep(&collection, err);
		if (r == 0)
			r = forget_doomed(&collection, gc, err);
	}
	json_decref(collection.blobs);
	json_decref(collection.layers);
	json_decref(collection.doomed);
	return gc < 0 && gc != -EWOULDBLOCK ? gc : r;
}

void store_release(struct image_store *store)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct stat st;

	if (store->hold < 0)
		return;
	if (fstat(store->hold, &st) < 0)
		st.st_size = 0;
	store->hold = close_fd(store->hold);
	/* Nobody asked for it here, nobody is to be told: the next one tries again. */
	if (st.st_size > 0)
		(void)image_store_collect(store, 24 * 3600, &ignored);
}
