/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/remove.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/decode.h"
#include "image/transfer/ingest.h"

/* Padding at the end of a tar; tools differ in how much they like. */
#define PADDING_MAX ((uint64_t)16 * 1024 * 1024)

struct unpack {
	struct image_store *store;
	const struct image_descriptor *layer;
	const char *diff_id;
	char name[STORE_NAME_SIZE]; /* tmp/layer-HEX */
	int dir;                    /* it, locked */
	const struct image_progress *progress;
	const char *which;
	struct decode *decode;
};

static void tell(uint64_t bytes, void *data)
{
	struct unpack *unpack = data;

	(void)bytes;
	if (unpack->progress && unpack->progress->step)
		unpack->progress->step(unpack->which, "Extracting", decode_progress(unpack->decode),
				       unpack->layer->size, unpack->progress->data);
}

static bool is_unpacked(struct unpack *unpack)
{
	char name[STORE_NAME_SIZE];

	/* Whoever wants it now may be killed before it has a name: it counts as new again. */
	return utimensat(unpack->store->fd, store_layer_name(unpack->diff_id, name), NULL,
			 AT_SYMLINK_NOFOLLOW) == 0;
}

static int unpack_error(const struct unpack *unpack, const char *what, struct error *err)
{
	int code = errno;

	return error_sys(err, code, "%s %s/%s", what, unpack->store->path, unpack->name);
}

/* Opens and locks the directory in which the layer is made: 1, or 0: the layer is there. */
static int begin(struct unpack *unpack, struct error *err)
{
	for (;;) {
		struct stat st;
		int r;

		if (is_unpacked(unpack))
			return 0;
		if (mkdirat(unpack->store->fd, unpack->name, 0700) < 0 && errno != EEXIST)
			return unpack_error(unpack, "make", err);
		unpack->dir = openat(unpack->store->fd, unpack->name,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (unpack->dir < 0 && errno == ENOENT)
			continue;
		if (unpack->dir < 0)
			return unpack_error(unpack, "open", err);
		do
			r = flock(unpack->dir, LOCK_EX);
		while (r < 0 && errno == EINTR);
		if (r < 0)
			return unpack_error(unpack, "lock", err);
		/* Who had it before us has finished the layer, or given up. */
		if (fstatat(unpack->store->fd, unpack->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			struct stat ours;

			if (fstat(unpack->dir, &ours) == 0 && ours.st_ino == st.st_ino &&
			    !is_unpacked(unpack))
				return 1;
		}
		unpack->dir = close_fd(unpack->dir);
	}
}

static int extract(struct unpack *unpack, int blob, uint64_t *ret_bytes, struct error *err)
{
	_cleanup_close_ int root = -1;
	_cleanup_decode_ struct decode *decode = NULL;
	struct archive_source source = { .read = decode_read };
	struct archive_extract how = { .whiteout = ARCHIVE_WHITEOUT_OVERLAY,
				       .same_owner = true,
				       .devices = true,
				       .progress = tell,
				       .data = unpack };
	char digest[DIGEST_SIZE];
	int r;

	if (mkdirat(unpack->dir, "fs", 0700) < 0)
		return unpack_error(unpack, "make a directory in", err);
	root = openat(unpack->dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return unpack_error(unpack, "open a directory in", err);
	how.root = root;
	r = decode_begin(blob, unpack->diff_id, &decode, err);
	if (r < 0)
		return r;
	source.data = unpack->decode = decode;
	r = archive_extract_from(&source, &how, ret_bytes, err);
	if (r == 0)
		r = decode_end(decode, PADDING_MAX, digest, err);
	if (r == 0 && strcmp(digest, unpack->diff_id) != 0)
		r = error_set(err, EBADMSG,
			      "it is not what the image's configuration says: its digest unpacked "
			      "is %s, not %s",
			      digest, unpack->diff_id);
	return r;
}

/* Once for all of its files; then it is there whole. */
static int settle(struct unpack *unpack, uint64_t bytes, struct error *err)
{
	char text[32], name[STORE_NAME_SIZE];
	int r;

	(void)snprintf(text, sizeof(text), "%" PRIu64 "\n", bytes);
	r = file_replace(unpack->dir, "size", text, strlen(text), 0600);
	if (r < 0) {
		errno = -r;
		return unpack_error(unpack, "write", err);
	}
	if (syncfs(unpack->dir) < 0)
		return unpack_error(unpack, "write", err);
	if (renameat(unpack->store->fd, unpack->name, unpack->store->fd,
		     store_layer_name(unpack->diff_id, name)) < 0)
		return unpack_error(unpack, "rename", err);
	return store_sync_directory(unpack->store, "layers", err);
}

static int unpack_locked(struct unpack *unpack, struct error *err)
{
	_cleanup_close_ int blob = -1;
	char name[STORE_NAME_SIZE];
	uint64_t bytes = 0;
	int r = remove_tree(unpack->dir, "fs"); /* of one that was killed */

	if (r < 0) {
		errno = -r;
		return unpack_error(unpack, "empty", err);
	}
	blob = openat(unpack->store->fd, store_blob_name(unpack->layer->digest, name),
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (blob < 0)
		return error_sys(err, errno, "open %s/%s", unpack->store->path, name);
	r = extract(unpack, blob, &bytes, err);
	if (r == 0)
		r = settle(unpack, bytes, err);
	/* Still locked: nobody else is in it. */
	if (r < 0)
		(void)remove_tree(unpack->store->fd, unpack->name);
	return r;
}

int image_unpack_layer(struct image_store *store, const struct image_descriptor *layer,
		       const char *diff_id, const struct image_progress *progress,
		       const char *which, struct error *err)
{
	struct unpack unpack = { .store = store,
				 .layer = layer,
				 .diff_id = diff_id,
				 .dir = -1,
				 .progress = progress,
				 .which = which };
	char buf[JSON_PRINTABLE_SIZE];
	int r;

	if (!image_digest_valid(layer->digest) || !image_digest_valid(diff_id))
		return error_set(
			err, EINVAL, "%s is no digest",
			json_printable(image_digest_valid(diff_id) ? layer->digest : diff_id, buf));
	r = image_ingest_hold(store, err);
	if (r < 0)
		return r;
	(void)snprintf(unpack.name, sizeof(unpack.name), "tmp/layer-%s", store_hex(diff_id));
	r = begin(&unpack, err);
	if (r > 0)
		r = unpack_locked(&unpack, err);
	(void)close_fd(unpack.dir);
	return r < 0 ? error_wrap(err, r, "layer %.19s", layer->digest) : 0;
}
