/* SPDX-License-Identifier: Apache-2.0 */
/* Images made here: of a root file system's archive, or of an image and one more layer. */
#include <string.h>
#include <sys/file.h>

#include "base/json_tree.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/build.h"
#include "image/transfer/load.h"

/* What has come into the store so far is garbage unless the image gets there. */
struct making {
	struct image_store *store;
	struct strv brought;
	char *layer, *diff_id;
	json_t *config;
	struct image_manifest manifest;
};

static void making_done(struct making *making)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int lock = making->brought.len ? store_lock(making->store, "lock", LOCK_EX, &ignored) : -1;

	if (lock >= 0)
		(void)store_doom(making->store, &making->brought, &ignored);
	(void)close_fd(lock);
	store_strv_done(&making->brought);
	free(making->layer);
	free(making->diff_id);
	json_decref(making->config);
	image_manifest_done(&making->manifest);
	store_release(making->store);
}

static int check_name(const char *name, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	int r = name ? image_reference_parse(name, &ref, err) : 0;

	if (r == 0 && ref.digest)
		r = error_set(err, EINVAL,
			      "%s: an image that is made here cannot be named by a digest", name);
	return r;
}

/* Reads the layer, appends it to the manifest's, and unpacks it. */
static int add_layer(struct making *making, int fd, struct error *err)
{
	struct image_manifest *manifest = &making->manifest;
	struct image_descriptor *layer = &manifest->layers[manifest->layers_len];
	int r = build_layer(making->store, fd, &making->layer, err);

	if (r == 0)
		r = store_strv_add(&making->brought, making->layer, err);
	if (r == 0)
		r = build_diff_id(making->store, making->layer, &making->diff_id, err);
	if (r == 0)
		r = store_strv_add(&making->brought, making->diff_id, err);
	if (r == 0)
		r = build_layer_descriptor(making->store, making->layer, &manifest->arena, layer,
					   err);
	if (r == 0)
		r = image_unpack_layer(making->store, layer, making->diff_id, NULL, NULL, err);
	if (r == 0)
		manifest->layers_len++;
	return r;
}

static int set_string(json_t *object, const char *key, const char *text, struct error *err)
{
	if (!text)
		return 0;
	return json_object_set_new(object, key, json_string(text)) < 0
		       ? error_set(err, EINVAL, "%s: not in UTF-8", key)
		       : 0;
}

/* The layer that was added, in the configuration. */
static int note_layer(struct making *making, const char *author, const char *message,
		      struct error *err)
{
	json_t *config = making->config, *history = json_object_get(config, "history");
	json_t *rootfs = json_object_get(config, "rootfs");
	json_t *ids = json_object_get(rootfs, "diff_ids"), *entry;
	char now[BUILD_TIME_SIZE];
	int r;

	build_time(now);
	if (!json_is_array(ids)) {
		ids = json_array();
		if (json_object_set_new(rootfs, "diff_ids", ids) < 0)
			return error_oom(err);
	}
	if (!json_is_array(history)) {
		history = json_array();
		if (json_object_set_new(config, "history", history) < 0)
			return error_oom(err);
	}
	entry = json_pack("{s:s}", "created", now);
	if (!entry || json_array_append_new(history, entry) < 0 ||
	    json_array_append_new(ids, json_string(making->diff_id)) < 0)
		return error_oom(err);
	r = set_string(config, "created", now, err);
	if (r == 0)
		r = set_string(config, "author", author, err);
	if (r == 0)
		r = set_string(entry, "author", author, err);
	return r == 0 ? set_string(entry, "comment", message, err) : r;
}

/* Configuration and manifest become blobs, and the image gets its name. */
static int finish(struct making *making, const char *name, char **ret_id, struct error *err)
{
	_cleanup_image_descriptor_ struct image_descriptor descriptor = { 0 };
	_cleanup_free_ char *text = json_tree_text(making->config), *id = NULL;
	_cleanup_image_config_ struct image_config check = { 0 };
	int r = text ? image_config_parse(text, strlen(text), &check, err) : error_oom(err);

	if (r == 0)
		r = image_ingest_blob(making->store, text, strlen(text), &id, err);
	if (r == 0)
		r = store_strv_add(&making->brought, id, err);
	if (r < 0)
		return r;
	making->manifest.config =
		(struct image_descriptor){ (char *)MEDIA_TYPE_CONFIG, id, strlen(text) };
	r = build_manifest(making->store, &making->manifest, &descriptor, err);
	if (r == 0)
		r = store_strv_add(&making->brought, descriptor.digest, err);
	if (r == 0)
		r = image_store_add(making->store, name, &descriptor, &descriptor, NULL, err);
	if (r == 0 && ret_id)
		*ret_id = TAKE_PTR(id);
	return r;
}

static json_t *new_config(const struct image_platform *platform)
{
	json_t *config =
		json_pack("{s:s, s:s, s:{}, s:{s:s}}", "architecture", platform->architecture, "os",
			  platform->os, "config", "rootfs", "type", "layers");

	if (config && *platform->variant &&
	    json_object_set_new(config, "variant", json_string(platform->variant)) < 0) {
		json_decref(config);
		return NULL;
	}
	return config;
}

int image_import(struct image_store *store, int fd, const char *name, const char *message,
		 const char *const *changes, size_t changes_len,
		 const struct image_platform *platform, char **ret_id, struct error *err)
{
	const struct image_platform host = image_platform_host();
	struct making making = { .store = store };
	int r = check_name(name, err);

	if (r == 0) {
		making.config = new_config(platform ? platform : &host);
		making.manifest.layers =
			arena_array(&making.manifest.arena, struct image_descriptor, 1);
		if (!making.config || !making.manifest.layers)
			r = error_oom(err);
	}
	/* Before a large archive is read in vain. */
	for (size_t i = 0; i < changes_len && r == 0; i++)
		r = build_change(json_object_get(making.config, "config"), changes[i], err);
	if (r == 0)
		r = image_ingest_hold(store, err);
	if (r == 0)
		r = add_layer(&making, fd, err);
	if (r == 0)
		r = note_layer(&making, NULL, message ? message : "Imported from -", err);
	if (r == 0)
		r = finish(&making, name, ret_id, err);
	making_done(&making);
	return r < 0 ? error_wrap(err, r, "import") : 0;
}

static int read_config(struct image_store *store, const char *id, json_t **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = image_store_blob(store, id, IMAGE_DOCUMENT_MAX, &text, &len, err);

	return r < 0 ? r : json_tree_parse(text, len, ret, err);
}

/* The base's layers with OCI's media types, which Docker's are the same as but for their names. */
static int take_base(struct making *making, const struct image *base, json_t *changes,
		     struct error *err)
{
	struct image_manifest *manifest = &making->manifest;
	json_t *config;
	int r = read_config(making->store, base->id, &making->config, err);

	if (r < 0)
		return r;
	if (base->layers_len >= IMAGE_LAYERS_MAX)
		return error_set(err, E2BIG, "the image has %d layers, which is the most",
				 IMAGE_LAYERS_MAX);
	manifest->layers =
		arena_array(&manifest->arena, struct image_descriptor, base->layers_len + 1);
	if (!manifest->layers)
		return error_oom(err);
	for (size_t i = 0; i < base->layers_len && r == 0; i++, manifest->layers_len++)
		r = build_layer_descriptor(making->store, base->layers[i].digest, &manifest->arena,
					   &manifest->layers[i], err);
	if (r < 0 || !changes)
		return r;
	config = json_object_get(making->config, "config");
	if (!json_is_object(config)) {
		config = json_object();
		if (json_object_set_new(making->config, "config", config) < 0)
			return error_oom(err);
	}
	return json_object_update(config, changes) < 0 ? error_oom(err) : 0;
}

int image_commit(struct image_store *store, const struct image *base, int fd, const char *name,
		 const char *author, const char *message, json_t *config, char **ret_id,
		 struct error *err)
{
	struct making making = { .store = store };
	int r = check_name(name, err);

	if (r == 0)
		r = image_ingest_hold(store, err);
	if (r == 0)
		r = take_base(&making, base, config, err);
	if (r == 0)
		r = add_layer(&making, fd, err);
	if (r == 0)
		r = note_layer(&making, author, message, err);
	if (r == 0)
		r = finish(&making, name, ret_id, err);
	making_done(&making);
	return r < 0 ? error_wrap(err, r, "commit") : 0;
}
