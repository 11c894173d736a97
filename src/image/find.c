/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/file.h>

#include "base/json_tree.h"
#include "image/layout.h"
#include "image/reference.h"

void image_done(struct image *image)
{
	for (size_t i = 0; i < image->names_len; i++)
		free(image->names[i]);
	for (size_t i = 0; i < image->repo_digests_len; i++)
		free(image->repo_digests[i]);
	for (size_t i = 0; i < image->layers_len; i++)
		image_descriptor_done(&image->layers[i]);
	free(image->names);
	free(image->repo_digests);
	free(image->layers);
	free(image->id);
	image_descriptor_done(&image->manifest);
	image_descriptor_done(&image->target);
	image_config_done(&image->config);
	*image = (struct image){ 0 };
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int copy_list(const json_t *list, char ***ret, size_t *ret_len, struct error *err)
{
	_cleanup_strv_ struct strv copy = { 0 };
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int r = store_strv_add(&copy, json_string_value(item), err);

		if (r < 0)
			return r;
	}
	if (copy.len)
		qsort(copy.items, copy.len, sizeof(*copy.items), by_text);
	*ret = TAKE_PTR(copy.items);
	*ret_len = copy.len;
	copy.len = 0;
	return 0;
}

/* What names.json says; all of it has been checked. */
static int read_record(const char *id, const json_t *record, struct image *image, struct error *err)
{
	struct image_descriptor manifest = { 0 }, target = { 0 };
	uint64_t size = 0;
	int r;

	image->id = strdup(id);
	if (!image->id)
		return error_oom(err);
	image->fetched = (time_t)json_integer_value(json_object_get(record, "fetched"));
	if (json_object_get(record, "size"))
		(void)json_tree_get_u64(json_object_get(record, "size"), &size);
	image->size = size;
	(void)names_descriptor(record, "manifest", &manifest);
	(void)names_descriptor(record, "target", &target);
	r = image_descriptor_copy(&manifest, &image->manifest, err);
	if (r == 0)
		r = image_descriptor_copy(&target, &image->target, err);
	if (r == 0)
		r = copy_list(names_list(record, "names"), &image->names, &image->names_len, err);
	if (r == 0)
		r = copy_list(names_list(record, "repoDigests"), &image->repo_digests,
			      &image->repo_digests_len, err);
	return r;
}

static int read_content(struct image_store *store, struct image *image, struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = store_manifest(store, &image->manifest, &manifest, err);

	if (r < 0)
		return r;
	r = image_store_blob(store, image->id, IMAGE_DOCUMENT_MAX, &text, &len, err);
	if (r == 0)
		r = image_config_parse(text, len, &image->config, err);
	if (r < 0)
		return r;
	if (manifest.layers_len != image->config.diff_ids.len)
		return error_set(err, EINVAL,
				 "%zu layers in the manifest, %zu in the configuration",
				 manifest.layers_len, image->config.diff_ids.len);
	image->layers = calloc(manifest.layers_len + 1, sizeof(*image->layers));
	if (!image->layers)
		return error_oom(err);
	for (size_t i = 0; i < manifest.layers_len; i++, image->layers_len++) {
		r = image_descriptor_copy(&manifest.layers[i], &image->layers[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_image(struct image_store *store, const char *id, const json_t *record,
		      struct image *ret, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };
	int r = read_record(id, record, &image, err);

	if (r == 0)
		r = read_content(store, &image, err);
	if (r < 0)
		return error_wrap(err, r, "image %.19s", id);
	*ret = image;
	image = (struct image){ 0 };
	return 0;
}

int image_store_find(struct image_store *store, const char *name,
		     const struct image_platform *platform, struct image *ret, struct error *err)
{
	_cleanup_names_ struct names names = { 0 };
	_cleanup_image_ struct image image = { 0 };
	const char *id;
	json_t *record;
	int r = names_load(store, &names, err);

	if (r == 0)
		r = names_find(&names, name, &id, &record, NULL, err);
	if (r == 0)
		r = read_image(store, id, record, &image, err);
	if (r < 0)
		return r;
	if (platform && !image_platform_match(platform, &image.config.platform)) {
		const struct image_platform *have = &image.config.platform;

		return error_set(err, ENOENT,
				 "image %s was found but does not match the specified platform: "
				 "wanted %s/%s%s%s, actual: %s/%s%s%s",
				 name, platform->os, platform->architecture,
				 *platform->variant ? "/" : "", platform->variant, have->os,
				 have->architecture, *have->variant ? "/" : "", have->variant);
	}
	*ret = image;
	image = (struct image){ 0 };
	return 0;
}

/* RFC 3339 in UTC sorts as text. */
static int newest_first(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	int order = strcmp(y->config.created ? y->config.created : "",
			   x->config.created ? x->config.created : "");

	if (order == 0)
		order = x->fetched < y->fetched ? 1 : x->fetched > y->fetched ? -1 : 0;
	return order ? order : strcmp(x->id, y->id);
}

int image_store_list(struct image_store *store, struct image **ret, size_t *ret_len,
		     struct error *err)
{
	_cleanup_names_ struct names names = { 0 };
	struct image *images;
	const char *id;
	json_t *record;
	size_t n = 0;
	int r = names_load(store, &names, err);

	if (r < 0)
		return r;
	images = calloc(json_object_size(names.images) + 1, sizeof(*images));
	if (!images)
		return error_oom(err);
	json_object_foreach(names.images, id, record)
	{
		r = read_image(store, id, record, &images[n], err);
		if (r < 0) {
			while (n > 0)
				image_done(&images[--n]);
			free(images);
			return r;
		}
		n++;
	}
	qsort(images, n, sizeof(*images), newest_first);
	*ret = images;
	*ret_len = n;
	return 0;
}

static int full_name(const char *name, char **ret, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	int r = image_reference_parse(name, &ref, err);

	if (r < 0)
		return r;
	if (ref.digest)
		return error_set(err, EINVAL, "refusing to create a tag with a digest reference");
	*ret = image_reference_name(&ref);
	return *ret ? 0 : error_oom(err);
}

int image_store_tag(struct image_store *store, const struct image *image, const char *name,
		    struct error *err)
{
	_cleanup_names_ struct names names = { 0 };
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *full = NULL;
	json_t *record;
	int r = full_name(name, &full, err);

	if (r < 0)
		return r;
	lock = store_lock(store, "lock", LOCK_EX, err);
	r = lock < 0 ? lock : names_load(store, &names, err);
	if (r < 0)
		return r;
	record = json_object_get(names.images, image->id);
	if (!record)
		return error_set(err, ENOENT, "No such image: %s", image->id);
	names_take(&names, full);
	if (json_array_append_new(names_list(record, "names"), json_string(full)) < 0)
		return error_oom(err);
	return names_save(store, &names, err);
}
