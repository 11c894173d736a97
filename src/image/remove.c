/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/file.h>

#include "image/layout.h"
#include "image/reference.h"

#define DAY (24 * 3600)

struct removal {
	struct strv untagged; /* full names */
	struct strv content;  /* digests and diff ids that may go */
	struct strv diff_ids;
	char *deleted; /* id; NULL: the image stays */
};

static void removal_done(struct removal *removal)
{
	store_strv_done(&removal->untagged);
	store_strv_done(&removal->content);
	store_strv_done(&removal->diff_ids);
	free(removal->deleted);
}

/* "docker.io/library/debian:12" → the length of its repository's part. */
static size_t repository_len(const char *name)
{
	const char *at = strchr(name, '@'), *slash, *colon;

	if (at)
		return (size_t)(at - name);
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	return colon ? (size_t)(colon - name) : strlen(name);
}

static bool same_repository(const char *a, const char *b)
{
	size_t len = repository_len(a);

	return len == repository_len(b) && memcmp(a, b, len) == 0;
}

/* Takes text from a list, and remembers it. */
static int untag(json_t *list, const char *text, struct removal *removal, struct error *err)
{
	size_t index;
	int r;

	if (!names_list_has(list, text, &index))
		return 0;
	r = store_strv_add(&removal->untagged, text, err);
	if (r == 0)
		(void)json_array_remove(list, index);
	return r;
}

/* The digests of a repository that has no name of the image any more. */
static int untag_digests(json_t *record, struct removal *removal, struct error *err)
{
	json_t *names = names_list(record, "names"), *digests = names_list(record, "repoDigests"),
	       *name;
	size_t i = json_array_size(digests), j;

	while (i-- > 0) {
		const char *digest = json_string_value(json_array_get(digests, i));
		bool named = false;
		int r;

		json_array_foreach(names, j, name)
		{
			named |= same_repository(json_string_value(name), digest);
		}
		r = named ? 0 : untag(digests, digest, removal, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the image has, as far as it can be read: a damaged one can be removed too. */
static int note_content(struct image_store *store, const char *id, const json_t *record,
			struct removal *removal, struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct image_descriptor descriptor, target;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	(void)names_descriptor(record, "manifest", &descriptor);
	(void)names_descriptor(record, "target", &target);
	r = store_strv_add(&removal->content, id, err);
	if (r == 0)
		r = store_strv_add(&removal->content, descriptor.digest, err);
	if (r == 0)
		r = store_strv_add(&removal->content, target.digest, err);
	if (r == 0 && store_manifest(store, &descriptor, &manifest, &ignored) == 0)
		for (size_t i = 0; i < manifest.layers_len && r == 0; i++)
			r = store_strv_add(&removal->content, manifest.layers[i].digest, err);
	error_done(&ignored);
	if (r == 0 && image_store_blob(store, id, IMAGE_DOCUMENT_MAX, &text, &len, &ignored) == 0 &&
	    image_config_parse(text, len, &config, &ignored) == 0)
		for (size_t i = config.diff_ids.len; i-- > 0 && r == 0;) {
			r = store_strv_add(&removal->content, config.diff_ids.items[i], err);
			if (r == 0)
				r = store_strv_add(&removal->diff_ids, config.diff_ids.items[i],
						   err);
		}
	return r;
}

static int check_conflicts(const char *id, const char *name, const json_t *record,
			   const struct strv *pins, bool last, struct error *err)
{
	const char *short_id = store_hex(id);

	if (!name && json_array_size(names_list(record, "names")) > 1)
		return error_set(err, EBUSY,
				 "conflict: unable to delete %.12s (must be forced) - image is "
				 "referenced by several names",
				 short_id);
	if (pins->len && name && last)
		return error_set(err, EBUSY,
				 "conflict: unable to remove repository reference \"%s\" (must "
				 "force) - container %.12s is using its referenced image %.12s",
				 name, pins->items[0], short_id);
	if (pins->len && !name)
		return error_set(err, EBUSY,
				 "conflict: unable to delete %.12s (must be forced) - image is "
				 "being used by container %.12s",
				 short_id, pins->items[0]);
	return 0;
}

static int plan(struct image_store *store, struct names *names, const char *wanted, bool force,
		struct removal *removal, struct error *err)
{
	_cleanup_strv_ struct strv pins = { 0 };
	_cleanup_free_ char *name = NULL;
	json_t *record, *list, *digests;
	const char *id;
	bool last;
	int r = names_find(names, wanted, &id, &record, &name, err);

	if (r == 0)
		r = store_pins(store, id, &pins, err);
	if (r < 0)
		return r;
	list = names_list(record, "names");
	digests = names_list(record, "repoDigests");
	/* A digest of a repository is a name too, but keeps no image alone. */
	last = !name || json_array_size(list) == 0 ||
	       (json_array_size(list) == 1 && names_list_has(list, name, NULL));
	if (!force) {
		r = check_conflicts(id, name, record, &pins, last, err);
		if (r < 0)
			return r;
	}
	if (name) {
		r = untag(list, name, removal, err);
		if (r == 0)
			r = untag(digests, name, removal, err);
	}
	while (!name && r == 0 && json_array_size(list) > 0)
		r = untag(list, json_string_value(json_array_get(list, 0)), removal, err);
	if (r == 0)
		r = untag_digests(record, removal, err);
	if (r < 0 || json_array_size(list) > 0 || pins.len)
		return r;
	removal->deleted = strdup(id);
	if (!removal->deleted)
		return error_oom(err);
	r = note_content(store, id, record, removal, err);
	if (r == 0)
		(void)json_object_del(names->images, removal->deleted);
	return r;
}

static int report_removal(struct image_store *store, const struct removal *removal,
			  void (*report)(const char *what, const char *which, void *data),
			  void *data, struct error *err)
{
	for (size_t i = 0; i < removal->untagged.len; i++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_free_ char *familiar = NULL;
		int r = image_reference_parse(removal->untagged.items[i], &ref, err);

		if (r < 0)
			return r;
		familiar = image_reference_familiar(&ref);
		if (!familiar)
			return error_oom(err);
		report("Untagged", familiar, data);
	}
	if (removal->deleted)
		report("Deleted", removal->deleted, data);
	for (size_t i = 0; i < removal->diff_ids.len; i++) {
		char name[STORE_NAME_SIZE];

		/* Another image may have it too. */
		if (faccessat(store->fd, store_layer_name(removal->diff_ids.items[i], name), F_OK,
			      0) < 0)
			report("Deleted", removal->diff_ids.items[i], data);
	}
	return 0;
}

int image_store_remove(struct image_store *store, const char *name, bool force,
		       void (*report)(const char *what, const char *which, void *data), void *data,
		       struct error *err)
{
	_cleanup_(removal_done) struct removal removal = { 0 };
	_cleanup_names_ struct names names = { 0 };
	int lock = store_lock(store, "lock", LOCK_EX, err), r;

	if (lock < 0)
		return lock;
	r = names_load(store, &names, err);
	if (r == 0)
		r = plan(store, &names, name, force, &removal, err);
	/* First: killed after the names are written, the next collection still knows. */
	if (r == 0 && removal.deleted)
		r = store_doom(store, &removal.content, err);
	if (r == 0)
		r = names_save(store, &names, err);
	(void)close_fd(lock);
	if (r == 0 && removal.deleted)
		r = image_store_collect(store, DAY, err);
	if (r == 0 && report)
		r = report_removal(store, &removal, report, data, err);
	return r;
}
