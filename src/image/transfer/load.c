/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/load.h"

#include <string.h>

#include "base/json.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/build.h"
#include "image/transfer/bundle.h"

#define IMAGES_MAX 1024
#define NESTED_MAX 4 /* indexes in indexes */

struct load {
	struct image_store *store;
	struct bundle bundle;
	const struct image_platform *platform; /* NULL: not said */
	const struct image_progress *progress;
	void (*loaded)(const char *name, void *data);
	void *data;
	size_t images;
};

static int tell_loaded(struct load *load, const char *name, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *familiar = NULL;

	if (!load->loaded)
		return 0;
	if (strncmp(name, "sha256:", 7) != 0) {
		int r = image_reference_parse(name, &ref, err);

		if (r < 0)
			return r;
		familiar = image_reference_familiar(&ref);
		if (!familiar)
			return error_oom(err);
	}
	load->loaded(familiar ? familiar : name, load->data);
	return 0;
}

static int check_platform(const struct load *load, const struct image_config *config,
			  struct error *err)
{
	const struct image_platform *have = &config->platform;

	if (!load->platform || image_platform_match(load->platform, have))
		return 0;
	return error_set(err, ENOENT, "the image is for %s/%s, not for %s/%s", have->os,
			 have->architecture, load->platform->os, load->platform->architecture);
}

/* Unpacks the layers of a manifest whose blobs are there. */
static int unpack_all(struct load *load, const struct image_manifest *manifest,
		      const struct image_config *config, struct error *err)
{
	if (manifest->layers_len != config->diff_ids.len)
		return error_set(err, EINVAL,
				 "the manifest has %zu layers, the image's configuration %zu",
				 manifest->layers_len, config->diff_ids.len);
	for (size_t i = 0; i < manifest->layers_len; i++) {
		const char *diff_id = config->diff_ids.items[i];
		char which[13];
		int r;

		(void)snprintf(which, sizeof(which), "%s", store_hex(diff_id));
		r = store_strv_add(&load->bundle.brought, diff_id, err);
		if (r == 0)
			r = image_unpack_layer(load->store, &manifest->layers[i], diff_id,
					       load->progress, which, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_names(struct load *load, const char *id, const struct image_descriptor *target,
		     const struct image_descriptor *manifest, const struct strv *names,
		     struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < names->len && r == 0; i++) {
		r = image_store_add(load->store, names->items[i], target, manifest, NULL, err);
		if (r == 0)
			r = tell_loaded(load, names->items[i], err);
	}
	if (names->len)
		return r;
	r = image_store_add(load->store, NULL, target, manifest, NULL, err);
	return r < 0 ? r : tell_loaded(load, id, err);
}

/* Docker's manifest.json names parts by the names of files. */

static int read_tags(const struct json_at *entry, struct strv *ret, struct error *err)
{
	struct json_at tags = json_member(entry, "RepoTags");
	_cleanup_arena_ struct arena arena = { 0 };
	char **items;
	size_t len;
	int r;

	if (!tags.value)
		return 0;
	r = json_get_strings(&tags, &arena, &items, &len, err);
	for (size_t i = 0; i < len && r == 0; i++)
		r = store_strv_add(ret, items[i], err);
	return r;
}

/* Of each layer what it is as a blob. */
static int describe_layers(struct load *load, const struct json_at *entry,
			   struct image_manifest *manifest, struct error *err)
{
	struct json_at layers = json_member(entry, "Layers");
	_cleanup_arena_ struct arena arena = { 0 };
	char buf[JSON_PRINTABLE_SIZE];
	char **names = NULL;
	size_t len = 0;
	int r = layers.value ? json_get_strings(&layers, &arena, &names, &len, err) : 0;

	if (r < 0)
		return r;
	if (len > IMAGE_LAYERS_MAX)
		return json_error(&layers, err, "more than %d layers", IMAGE_LAYERS_MAX);
	manifest->layers = arena_array(&manifest->arena, struct image_descriptor, len + 1);
	if (!manifest->layers)
		return error_oom(err);
	for (size_t i = 0; i < len; i++, manifest->layers_len++) {
		const struct bundle_file *file = bundle_find(&load->bundle, names[i], err);

		if (!file)
			return err->code ? -err->code
					 : error_set(err, ENOENT, "%s is not in the archive",
						     json_printable(names[i], buf));
		r = build_layer_descriptor(load->store, file->digest, &manifest->arena,
					   &manifest->layers[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Is the image here already, as fetched perhaps? Then it only gets the names. */
static int name_existing(struct load *load, const char *id, const struct strv *names,
			 struct error *err)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_image_ struct image image = { 0 };
	char **folders;
	size_t len;

	if (image_store_find(load->store, id, NULL, &image, &ignored) < 0 ||
	    image_store_folders(load->store, &image, &folders, &len, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < len; i++)
		free(folders[i]);
	free(folders);
	if (add_names(load, id, &image.target, &image.manifest, names, err) < 0)
		return -err->code;
	return 1;
}

static int load_docker_image(struct load *load, const struct json_at *entry, struct error *err)
{
	struct json_at config_at = json_member(entry, "Config");
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_image_descriptor_ struct image_descriptor descriptor = { 0 };
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_free_ char *text = NULL;
	const struct bundle_file *file;
	char *name = NULL;
	size_t len;
	int r = json_get_string(&config_at, &manifest.arena, &name, err);

	if (r == 0)
		r = bundle_text(&load->bundle, name, &text, &len, err);
	if (r == -ENOENT && !err->code)
		r = json_error(&config_at, err, "is not in the archive");
	if (r == 0)
		r = image_config_parse(text, len, &config, err);
	if (r == 0)
		r = check_platform(load, &config, err);
	if (r == 0)
		r = read_tags(entry, &names, err);
	if (r < 0)
		return r;
	file = bundle_find(&load->bundle, name, err);
	if (!file)
		return err->code ? -err->code : error_set(err, ENOENT, "the configuration");
	r = name_existing(load, file->digest, &names, err);
	if (r != 0)
		return r < 0 ? r : 0;
	manifest.config =
		(struct image_descriptor){ (char *)MEDIA_TYPE_CONFIG, file->digest, file->size };
	r = describe_layers(load, entry, &manifest, err);
	if (r == 0)
		r = unpack_all(load, &manifest, &config, err);
	if (r == 0)
		r = build_manifest(load->store, &manifest, &descriptor, err);
	if (r == 0)
		r = store_strv_add(&load->bundle.brought, descriptor.digest, err);
	return r < 0 ? r
		     : add_names(load, manifest.config.digest, &descriptor, &descriptor, &names,
				 err);
}

static int load_docker(struct load *load, const char *text, size_t len, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	size_t n;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return error_wrap(err, r, "manifest.json");
	root = json_root(&doc, "manifest.json");
	r = json_get_array(&root, IMAGES_MAX, &n, err);
	for (size_t i = 0; i < n && r == 0; i++, load->images++) {
		struct json_at entry = json_element(&root, i);

		r = load_docker_image(load, &entry, err);
	}
	return r;
}

/* OCI image layouts: image-spec image-layout.md. */

/* From an index, however nested, to the manifest for the platform. */
static int resolve(struct load *load, const struct image_descriptor *from,
		   struct image_descriptor *ret, struct error *err)
{
	_cleanup_image_descriptor_ struct image_descriptor at = { 0 };
	int r = image_descriptor_copy(from, &at, err);

	for (int depth = 0; r == 0; depth++) {
		struct image_descriptor next = { 0 };
		_cleanup_free_ char *text = NULL;
		size_t len;

		r = bundle_need(&load->bundle, &at, err);
		if (r < 0)
			return r;
		if (!image_media_type_is_index(at.media_type)) {
			*ret = at;
			at = (struct image_descriptor){ 0 };
			return 0;
		}
		if (depth == NESTED_MAX)
			return error_set(err, ELOOP, "%s: indexes nested too deeply", at.digest);
		r = image_store_blob(load->store, at.digest, IMAGE_DOCUMENT_MAX, &text, &len, err);
		if (r == 0)
			r = image_index_choose(text, len, load->platform, &next, err);
		if (r < 0)
			return r;
		image_descriptor_done(&at);
		at = next;
	}
	return r;
}

/* Docker's tags of the image, where an archive is both. */
static int docker_tags(struct load *load, const char *id, struct strv *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_free_ char *text = NULL;
	struct json_at root;
	size_t len, n;
	int r = bundle_text(&load->bundle, "manifest.json", &text, &len, err);

	if (r < 0)
		return err->code ? r : 0;
	r = json_doc_parse(text, len, &doc, err);
	if (r < 0)
		return error_wrap(err, r, "manifest.json");
	root = json_root(&doc, "manifest.json");
	r = json_get_array(&root, IMAGES_MAX, &n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct json_at entry = json_element(&root, i),
			       config = json_member(&entry, "Config");
		_cleanup_arena_ struct arena arena = { 0 };
		const struct bundle_file *file;
		char *name;

		r = json_get_string(&config, &arena, &name, err);
		file = r == 0 ? bundle_find(&load->bundle, name, err) : NULL;
		if (!file && err->code)
			return -err->code;
		if (file && strcmp(file->digest, id) == 0)
			r = read_tags(&entry, ret, err);
	}
	return r;
}

static int optional_annotation(const struct json_at *annotations, const char *key,
			       struct arena *arena, char **ret, struct error *err)
{
	struct json_at at = json_member(annotations, key);

	return at.value ? json_get_string(&at, arena, ret, err) : 0;
}

/* containerd's annotation has a whole name. The standard's may be a tag alone, which names nothing. */
static int read_annotations(const struct json_at *at, struct strv *ret, struct error *err)
{
	struct json_at annotations = json_member(at, "annotations");
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	char *name = NULL, *standard = NULL;
	int r = optional_annotation(&annotations, "io.containerd.image.name", &arena, &name, err);

	if (r == 0)
		r = optional_annotation(&annotations, "org.opencontainers.image.ref.name", &arena,
					&standard, err);
	if (r < 0)
		return r;
	if (!name && standard && strpbrk(standard, ":/@"))
		name = standard;
	if (!name || image_reference_parse(name, &ref, &ignored) < 0 || ref.digest)
		return 0;
	return store_strv_add(ret, name, err);
}

static int load_manifest(struct load *load, const struct image_descriptor *target,
			 struct strv *names, struct error *err)
{
	_cleanup_image_descriptor_ struct image_descriptor descriptor = { 0 };
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = resolve(load, target, &descriptor, err);

	if (r == 0)
		r = store_manifest(load->store, &descriptor, &manifest, err);
	if (r == 0)
		r = bundle_need(&load->bundle, &manifest.config, err);
	if (r == 0)
		r = image_store_blob(load->store, manifest.config.digest, IMAGE_DOCUMENT_MAX, &text,
				     &len, err);
	if (r == 0)
		r = image_config_parse(text, len, &config, err);
	if (r == 0)
		r = check_platform(load, &config, err);
	for (size_t i = 0; i < manifest.layers_len && r == 0; i++)
		r = bundle_need(&load->bundle, &manifest.layers[i], err);
	if (r == 0)
		r = unpack_all(load, &manifest, &config, err);
	if (r == 0 && names->len == 0)
		r = docker_tags(load, manifest.config.digest, names, err);
	return r < 0 ? r : add_names(load, manifest.config.digest, target, &descriptor, names, err);
}

static int load_entry(struct load *load, const struct json_at *at, struct error *err)
{
	struct json_at annotations = json_member(at, "annotations");
	struct json_at kind = json_member(&annotations, "vnd.docker.reference.type");
	struct json_at type = json_member(at, "mediaType"), digest = json_member(at, "digest"),
		       size = json_member(at, "size");
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct image_descriptor target = { 0 };
	int r = json_get_string(&type, &arena, &target.media_type, err);

	/* What was attested of an image is none. */
	if (kind.value)
		return 0;
	if (r == 0)
		r = json_get_string(&digest, &arena, &target.digest, err);
	if (r == 0)
		r = json_get_u64(&size, 0, INT64_MAX, &target.size, err);
	if (r == 0 && !image_digest_valid(target.digest))
		r = json_error(&digest, err, "no digest");
	if (r == 0)
		r = read_annotations(at, &names, err);
	if (r == 0)
		r = load_manifest(load, &target, &names, err);
	load->images++;
	return r;
}

static int load_oci(struct load *load, const char *text, size_t len, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root, manifests;
	size_t n;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return error_wrap(err, r, "index.json");
	root = json_root(&doc, "index.json");
	manifests = json_member(&root, "manifests");
	r = json_get_array(&manifests, IMAGES_MAX, &n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct json_at at = json_element(&manifests, i);

		r = load_entry(load, &at, err);
	}
	return r;
}

static int load_any(struct load *load, struct error *err)
{
	_cleanup_free_ char *layout = NULL, *text = NULL;
	size_t len;
	/* Where it is both, OCI's has the digests that the image was fetched by. */
	int r = bundle_text(&load->bundle, "oci-layout", &layout, &len, err);

	if (r == 0) {
		r = bundle_text(&load->bundle, "index.json", &text, &len, err);
		if (r == 0)
			return load_oci(load, text, len, err);
	}
	if (r == -ENOENT && !err->code)
		r = bundle_text(&load->bundle, "manifest.json", &text, &len, err);
	if (r == -ENOENT && !err->code)
		return error_set(err, EINVAL,
				 "neither manifest.json (docker save) nor oci-layout and "
				 "index.json are in it: no archive of images");
	return r < 0 ? r : load_docker(load, text, len, err);
}

int image_load(struct image_store *store, int fd, const struct image_platform *platform,
	       const struct image_progress *progress, void (*loaded)(const char *name, void *data),
	       void *data, struct error *err)
{
	struct load load = { .store = store,
			     .platform = platform,
			     .progress = progress,
			     .loaded = loaded,
			     .data = data };
	int r = bundle_read(store, fd, progress, &load.bundle, err);

	if (r == 0) {
		r = load_any(&load, err);
		if (r == 0 && load.images == 0)
			r = error_set(err, ENOENT, "there is no image in it");
		bundle_done(&load.bundle);
	}
	store_release(store);
	return r < 0 ? error_wrap(err, r, "load") : 0;
}
