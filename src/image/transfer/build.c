/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/build.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/json_tree.h"
#include "image/layout.h"
#include "image/transfer/decode.h"

#define BUFFER ((size_t)1024 * 1024)
#define PLAIN_MAX ((uint64_t)1 << 40)

static int open_blob(struct image_store *store, const char *digest, struct error *err)
{
	char name[STORE_NAME_SIZE];
	int fd =
		openat(store->fd, store_blob_name(digest, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? error_sys(err, errno, "content %s of the image store", digest) : fd;
}

int build_layer_descriptor(struct image_store *store, const char *digest, struct arena *arena,
			   struct image_descriptor *ret, struct error *err)
{
	_cleanup_close_ int fd = open_blob(store, digest, err);
	const char *kind;
	struct stat st;

	if (fd < 0)
		return fd;
	kind = decode_kind(fd, err);
	if (!kind)
		return -err->code;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "content %s of the image store", digest);
	ret->media_type = arena_printf(arena, MEDIA_TYPE_LAYER "%s%s", *kind ? "+" : "", kind);
	ret->digest = arena_strdup(arena, digest);
	ret->size = (uint64_t)st.st_size;
	return ret->media_type && ret->digest ? 0 : error_oom(err);
}

int build_diff_id(struct image_store *store, const char *digest, char **ret, struct error *err)
{
	_cleanup_close_ int fd = open_blob(store, digest, err);
	_cleanup_decode_ struct decode *decode = NULL;
	char diff_id[DIGEST_SIZE];
	const char *kind;
	int r;

	if (fd < 0)
		return fd;
	kind = decode_kind(fd, err);
	if (!kind)
		return -err->code;
	if (*kind) {
		r = decode_begin(fd, NULL, &decode, err);
		if (r == 0)
			r = decode_end(decode, PLAIN_MAX, diff_id, err);
		if (r < 0)
			return r;
		digest = diff_id;
	}
	*ret = strdup(digest);
	return *ret ? 0 : error_oom(err);
}

int build_manifest(struct image_store *store, const struct image_manifest *manifest,
		   struct image_descriptor *ret, struct error *err)
{
	json_t *layers = json_array(), *root = NULL;
	struct image_descriptor made = { 0 };
	_cleanup_free_ char *text = NULL;
	int r = layers ? 0 : error_oom(err);

	for (size_t i = 0; i < manifest->layers_len && r == 0; i++)
		if (json_array_append_new(layers, names_make_descriptor(&manifest->layers[i])) < 0)
			r = error_oom(err);
	if (r == 0) {
		root = json_pack("{s:i, s:s, s:o, s:O}", "schemaVersion", 2, "mediaType",
				 MEDIA_TYPE_MANIFEST, "config",
				 names_make_descriptor(&manifest->config), "layers", layers);
		text = root ? json_tree_text(root) : NULL;
		made.media_type = strdup(MEDIA_TYPE_MANIFEST);
		if (!text || !made.media_type)
			r = error_oom(err);
	}
	if (r == 0) {
		made.size = strlen(text);
		r = image_ingest_blob(store, text, strlen(text), &made.digest, err);
	}
	json_decref(layers);
	json_decref(root);
	if (r < 0)
		image_descriptor_done(&made);
	else
		*ret = made;
	return r;
}

void build_time(char buf[BUILD_TIME_SIZE])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(buf, BUILD_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, BUILD_TIME_SIZE - n, ".%09ldZ", now.tv_nsec);
}

int build_layer(struct image_store *store, int fd, char **ret_digest, struct error *err)
{
	_cleanup_free_ char *buffer = malloc(BUFFER);
	struct image_ingest *ingest;
	int r = buffer ? image_ingest_begin(store, NULL, UINT64_MAX, &ingest, err) : error_oom(err);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t n = read(fd, buffer, BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = error_sys(err, errno, "read the layer");
		if (n <= 0)
			break;
		r = image_ingest_write(ingest, buffer, (size_t)n, err);
		if (r < 0)
			break;
	}
	if (r < 0) {
		image_ingest_close(ingest);
		return r;
	}
	return image_ingest_commit(ingest, ret_digest, err);
}
