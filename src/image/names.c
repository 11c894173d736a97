/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "image/layout.h"
#include "image/reference.h"

#define NAMES_FILE "names.json"
#define NAMES_BYTES_MAX ((size_t)64 * 1024 * 1024)

void names_done(struct names *names)
{
	json_decref(names->root);
	*names = (struct names){ 0 };
}

bool names_descriptor(const json_t *record, const char *key, struct image_descriptor *ret)
{
	const json_t *at = json_object_get(record, key);
	const char *type = json_string_value(json_object_get(at, "mediaType"));
	const char *digest = json_string_value(json_object_get(at, "digest"));
	uint64_t size;

	if (!type || !digest || !image_digest_valid(digest) || !json_object_get(at, "size") ||
	    !json_tree_get_u64(json_object_get(at, "size"), &size))
		return false;
	*ret = (struct image_descriptor){ (char *)type, (char *)digest, size };
	return true;
}

json_t *names_list(const json_t *record, const char *key)
{
	return json_object_get(record, key);
}

bool names_list_has(const json_t *list, const char *text, size_t *ret_index)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		if (strcmp(json_string_value(item), text) == 0) {
			if (ret_index)
				*ret_index = i;
			return true;
		}
	}
	return false;
}

static bool is_list_of_strings(const json_t *list)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return false;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

static bool record_valid(const char *id, const json_t *record)
{
	struct image_descriptor descriptor;

	return image_digest_valid(id) && names_descriptor(record, "manifest", &descriptor) &&
	       names_descriptor(record, "target", &descriptor) &&
	       is_list_of_strings(names_list(record, "names")) &&
	       is_list_of_strings(names_list(record, "repoDigests")) &&
	       json_is_integer(json_object_get(record, "fetched"));
}

int names_load(struct image_store *store, struct names *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct names names = { 0 };
	const char *id;
	json_t *record;
	size_t len;
	int r = file_read_regular(store->fd, NAMES_FILE, NAMES_BYTES_MAX, &text, &len);

	if (r == -ENOENT) {
		names.root = json_pack("{s:i, s:{}}", "version", 1, "images");
		if (!names.root)
			return error_oom(err);
	} else if (r < 0) {
		return error_sys(err, -r, "read %s/" NAMES_FILE, store->path);
	} else {
		r = json_tree_parse(text, len, &names.root, err);
		if (r < 0)
			return error_wrap(err, r, "%s/" NAMES_FILE, store->path);
	}
	names.images = json_object_get(names.root, "images");
	if (json_integer_value(json_object_get(names.root, "version")) != 1 ||
	    !json_is_object(names.images)) {
		names_done(&names);
		return error_set(err, EINVAL, "%s/" NAMES_FILE ": of another version of hcs",
				 store->path);
	}
	json_object_foreach(names.images, id, record)
	{
		char buf[JSON_PRINTABLE_SIZE];

		if (record_valid(id, record))
			continue;
		r = error_set(err, EINVAL, "%s/" NAMES_FILE ": the record of %s is damaged",
			      store->path, json_printable(id, buf));
		names_done(&names);
		return r;
	}
	*ret = names;
	return 0;
}

int names_save(struct image_store *store, const struct names *names, struct error *err)
{
	_cleanup_free_ char *text = json_tree_text(names->root);

	return text ? store_replace(store, ".", NAMES_FILE, text, err) : error_oom(err);
}

json_t *names_make_descriptor(const struct image_descriptor *descriptor)
{
	return json_pack("{s:s, s:s, s:o}", "mediaType", descriptor->media_type, "digest",
			 descriptor->digest, "size", json_tree_u64(descriptor->size));
}

void names_take(struct names *names, const char *name)
{
	const char *id;
	json_t *record;
	size_t index;

	json_object_foreach(names->images, id, record)
	{
		json_t *list = names_list(record, "names");

		if (names_list_has(list, name, &index))
			(void)json_array_remove(list, index);
	}
}

static int no_such_image(const char *name, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return error_set(err, ENOENT, "No such image: %s", json_printable(name, buf));
}

/* By its id, or the beginning of it. */
static int find_by_id(const struct names *names, const char *prefix, const char **ret_id,
		      json_t **ret_record, struct error *err)
{
	size_t len = strlen(prefix);
	const char *id, *found = NULL;
	json_t *record;

	json_object_foreach(names->images, id, record)
	{
		if (strncmp(store_hex(id), prefix, len) != 0)
			continue;
		if (found)
			return error_set(err, ENOTUNIQ,
					 "%s: several images have an id that begins so", prefix);
		found = id;
		*ret_record = record;
	}
	if (!found)
		return -ENOENT;
	*ret_id = found;
	return 0;
}

/* By a manifest's or an index's digest. */
static bool find_by_digest(const struct names *names, const char *digest, const char **ret_id,
			   json_t **ret_record)
{
	const char *id;
	json_t *record;

	json_object_foreach(names->images, id, record)
	{
		struct image_descriptor manifest, target;

		if (names_descriptor(record, "manifest", &manifest) &&
		    names_descriptor(record, "target", &target) &&
		    (strcmp(manifest.digest, digest) == 0 || strcmp(target.digest, digest) == 0)) {
			*ret_id = id;
			*ret_record = record;
			return true;
		}
	}
	return false;
}

static bool find_by_name(const struct names *names, const char *name, const char **ret_id,
			 json_t **ret_record)
{
	const char *id;
	json_t *record;

	json_object_foreach(names->images, id, record)
	{
		if (names_list_has(names_list(record, "names"), name, NULL) ||
		    names_list_has(names_list(record, "repoDigests"), name, NULL)) {
			*ret_id = id;
			*ret_record = record;
			return true;
		}
	}
	return false;
}

int names_find(const struct names *names, const char *name, const char **ret_id,
	       json_t **ret_record, char **ret_name, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *full = NULL, *familiar = NULL;
	const char *hex = strncmp(name, "sha256:", 7) == 0 ? name + 7 : name;
	size_t digits = strspn(hex, "0123456789abcdef");
	bool is_hex = digits > 0 && !hex[digits] && digits <= 64;
	int r;

	if (ret_name)
		*ret_name = NULL;
	if (hex != name || (is_hex && digits == 64)) {
		r = is_hex ? find_by_id(names, hex, ret_id, ret_record, err) : -ENOENT;
		if (r == -ENOENT && hex != name && digits == 64 &&
		    find_by_digest(names, name, ret_id, ret_record))
			return 0;
		return r == -ENOENT ? no_such_image(name, err) : r;
	}
	r = image_reference_parse(name, &ref, err);
	if (r < 0)
		return r;
	full = image_reference_name(&ref);
	familiar = image_reference_familiar(&ref);
	if (!full || !familiar)
		return error_oom(err);
	if (find_by_name(names, full, ret_id, ret_record)) {
		if (ret_name)
			*ret_name = TAKE_PTR(full);
		return 0;
	}
	r = is_hex ? find_by_id(names, hex, ret_id, ret_record, err) : -ENOENT;
	return r == -ENOENT ? no_such_image(familiar, err) : r;
}
