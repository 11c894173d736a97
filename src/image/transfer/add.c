/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/ingest.h"

static int read_all(struct image_store *store, const struct image_descriptor *descriptor,
		    struct image_manifest *manifest, struct image_config *config, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = store_manifest(store, descriptor, manifest, err);

	if (r == 0)
		r = image_store_blob(store, manifest->config.digest, IMAGE_DOCUMENT_MAX, &text,
				     &len, err);
	if (r == 0)
		r = image_config_parse(text, len, config, err);
	if (r < 0)
		return r;
	if (config->diff_ids.len != manifest->layers_len)
		return error_set(err, EINVAL,
				 "the manifest has %zu layers, the image's configuration %zu",
				 manifest->layers_len, config->diff_ids.len);
	return 0;
}

static int check_layer(struct image_store *store, const struct image_descriptor *layer,
		       const char *diff_id, uint64_t *size, struct error *err)
{
	char name[STORE_NAME_SIZE], path[STORE_NAME_SIZE + 8];
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	int r;

	if (fstatat(store->fd, store_blob_name(layer->digest, name), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "layer %s", layer->digest);
	if ((uint64_t)st.st_size != layer->size)
		return error_set(err, EBADMSG, "layer %s: %llu bytes, where the manifest has %llu",
				 layer->digest, (unsigned long long)st.st_size,
				 (unsigned long long)layer->size);
	(void)snprintf(path, sizeof(path), "%s/size", store_layer_name(diff_id, name));
	r = file_read_regular(store->fd, path, 64, &text, &len);
	if (r < 0)
		return error_sys(err, r == -ENOENT ? ENODATA : -r, "layer %s is not unpacked",
				 diff_id);
	*size += strtoull(text, NULL, 10);
	return 0;
}

/* The record of the image, made where there is none. */
static json_t *get_record(struct names *names, const char *id)
{
	json_t *record = json_object_get(names->images, id);

	if (record)
		return record;
	record = json_pack("{s:[], s:[]}", "names", "repoDigests");
	return record && json_object_set_new(names->images, id, record) == 0 ? record : NULL;
}

static int append(json_t *list, const char *text)
{
	if (!text || names_list_has(list, text, NULL))
		return 0;
	return json_array_append_new(list, json_string(text));
}

static int write_record(struct image_store *store, const char *id, const char *name,
			const struct image_descriptor *target,
			const struct image_descriptor *manifest, const char *repo_digest,
			uint64_t size, struct error *err)
{
	_cleanup_close_ int lock = store_lock(store, "lock", LOCK_EX, err);
	_cleanup_names_ struct names names = { 0 };
	json_t *record;
	int r = lock < 0 ? lock : names_load(store, &names, err);

	if (r < 0)
		return r;
	if (name)
		names_take(&names, name);
	record = get_record(&names, id);
	if (!record ||
	    json_object_set_new(record, "manifest", names_make_descriptor(manifest)) < 0 ||
	    json_object_set_new(record, "target", names_make_descriptor(target)) < 0 ||
	    json_object_set_new(record, "fetched", json_integer(time(NULL))) < 0 ||
	    json_object_set_new(record, "size", json_tree_u64(size)) < 0 ||
	    append(names_list(record, "names"), name) < 0 ||
	    append(names_list(record, "repoDigests"), repo_digest) < 0)
		return error_oom(err);
	return names_save(store, &names, err);
}

int image_store_add(struct image_store *store, const char *name,
		    const struct image_descriptor *target, const struct image_descriptor *manifest,
		    const char *repo_digest, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_image_manifest_ struct image_manifest parsed = { 0 };
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_free_ char *full = NULL;
	uint64_t size = 0;
	int r = image_ingest_hold(store, err);

	if (r == 0 && name)
		r = image_reference_parse(name, &ref, err);
	if (r < 0)
		return r;
	/* A digest is no name that could be replaced: it is among the repo digests. */
	if (name && !ref.digest) {
		full = image_reference_name(&ref);
		if (!full)
			return error_oom(err);
	}
	r = read_all(store, manifest, &parsed, &config, err);
	for (size_t i = 0; i < parsed.layers_len && r == 0; i++)
		r = check_layer(store, &parsed.layers[i], config.diff_ids.items[i], &size, err);
	if (r == 0)
		r = write_record(store, parsed.config.digest, full, target, manifest, repo_digest,
				 size, err);
	return r < 0 ? error_wrap(err, r, "image %s", name ? name : manifest->digest) : 0;
}
