/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes in docker's JSON: what -v and --tmpfs gave in Binds and Tmpfs, the others in Mounts. */
#include <string.h>

#include "service/container_config_parts.h"
#include "service/lists.h"
#include "service/volume_spec.h"

static int add(struct container_config *config, struct arena *arena,
	       const struct container_volume *volume, struct error *err)
{
	struct container_volume *grown =
		list_grow(arena, config->volumes, config->volumes_len, 1, sizeof(*grown));

	if (!grown)
		return error_oom(err);
	grown[config->volumes_len++] = *volume;
	config->volumes = grown;
	return 0;
}

static bool is_bind(const struct container_volume *v)
{
	return v->short_form && v->kind != VOLUME_TMPFS && !v->anonymous;
}

static bool is_tmpfs(const struct container_volume *v)
{
	return v->short_form && v->kind == VOLUME_TMPFS;
}

int binds_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct strv texts = { 0 };
	int r = json_get_strings(at, arena, &texts.items, &texts.len, err);

	for (size_t i = 0; r == 0 && i < texts.len; i++) {
		struct container_volume volume;

		r = volume_parse_short(texts.items[i], NULL, arena, &volume, err);
		if (r == 0)
			r = add(ret, arena, &volume, err);
	}
	return r;
}

int binds_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	_cleanup_arena_ struct arena arena = { 0 };
	json_t *array = NULL;

	for (size_t i = 0; i < config->volumes_len; i++) {
		char *text;
		json_t *string;

		if (!is_bind(&config->volumes[i]))
			continue;
		text = volume_format_short(&config->volumes[i], &arena);
		if (!text) {
			json_decref(array);
			return error_oom(err);
		}
		array = array ? array : json_array();
		string = text_write(at, text, err);
		if (!string || json_array_append_new(array, string) < 0) {
			json_decref(array);
			return err->code ? -err->code : error_oom(err);
		}
	}
	*ret = array;
	return 0;
}

int tmpfs_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(at, &len, err);

	while (r == 0 && json_next_member(at, &iter, &member)) {
		struct container_volume volume;
		char *options, *text;

		r = json_get_string(&member, arena, &options, err);
		if (r < 0)
			return r;
		text = arena_printf(arena, "%s%s%s", member.key, *options ? ":" : "", options);
		if (!text)
			return error_oom(err);
		r = volume_parse_tmpfs(text, arena, &volume, err);
		if (r == 0)
			r = add(ret, arena, &volume, err);
	}
	return r;
}

static char *join(const struct strv *list, struct arena *arena)
{
	char *text = arena_strdup(arena, "");

	for (size_t i = 0; text && i < list->len; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? "," : "", list->items[i]);
	return text;
}

int tmpfs_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	_cleanup_arena_ struct arena arena = { 0 };
	json_t *object = NULL;

	for (size_t i = 0; i < config->volumes_len; i++) {
		const struct container_volume *v = &config->volumes[i];
		char *options;
		json_t *string;

		if (!is_tmpfs(v))
			continue;
		object = object ? object : json_object();
		options = join(&v->options, &arena);
		string = options ? text_write(at, options, err) : NULL;
		if (!string || json_object_set_new(object, v->destination, string) < 0) {
			json_decref(object);
			return err->code ? -err->code : error_oom(err);
		}
	}
	*ret = object;
	return 0;
}

/* --- Mounts ------------------------------------------------------------------------------------- */

static const char *const kind_names[] = { "bind", "volume", "tmpfs", NULL };

struct mount_entry {
	char *type, *source, *target, *propagation;
	bool readonly, create, nocopy, anonymous, of_flag;
	struct strv bind_options, tmpfs_options;
};
static const struct property bind_options_properties[] = {
	{ P_STRING(struct mount_entry, "Propagation", propagation) },
	{ P_BOOL(struct mount_entry, "CreateMountpoint", create) },
	{ P_STRINGS(struct mount_entry, "Options", bind_options) },
};
static const struct object_type bind_options_type =
	OBJECT_TYPE(bind_options_properties, struct mount_entry, NULL);
static const struct property volume_options_properties[] = {
	{ P_BOOL(struct mount_entry, "NoCopy", nocopy) },
	{ P_BOOL(struct mount_entry, "Anonymous", anonymous) },
	{ P_BOOL(struct mount_entry, "OfFlag", of_flag) },
};
static const struct object_type volume_options_type =
	OBJECT_TYPE(volume_options_properties, struct mount_entry, NULL);
static const struct property tmpfs_options_properties[] = {
	{ P_STRINGS(struct mount_entry, "Options", tmpfs_options) },
};
static const struct object_type tmpfs_options_type =
	OBJECT_TYPE(tmpfs_options_properties, struct mount_entry, NULL);
static const struct property mount_properties[] = {
	{ P_WORD(struct mount_entry, "Type", type, kind_names), P_REQUIRED },
	{ P_STRING(struct mount_entry, "Source", source) },
	{ P_STRING(struct mount_entry, "Target", target), P_REQUIRED },
	{ P_BOOL(struct mount_entry, "ReadOnly", readonly) },
	{ P_INLINE("BindOptions", &bind_options_type) },
	{ P_INLINE("VolumeOptions", &volume_options_type) },
	{ P_INLINE("TmpfsOptions", &tmpfs_options_type) },
};
static const struct object_type mount_type =
	OBJECT_TYPE(mount_properties, struct mount_entry, NULL);

static int check_entry(const struct json_at *at, const struct mount_entry *entry, struct error *err)
{
	if (strcmp(entry->type, "tmpfs") == 0)
		return 0;
	if (!entry->source && !(entry->anonymous && entry->type[0] == 'v'))
		return json_error(at, err, "no source");
	if (!entry->source)
		return 0;
	if (entry->type[0] == 'b' ? entry->source[0] != '/' : !volume_name_valid(entry->source))
		return json_error(at, err, "the source is not a path, or not a volume's name");
	return 0;
}

int mounts_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	size_t len;
	int r = json_get_array(at, JSON_ENTRIES_MAX, &len, err);

	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_at element = json_element(at, i);
		struct mount_entry entry = { 0 };
		struct container_volume volume = { 0 };

		r = object_read(&element, &mount_type, arena, &entry, err);
		if (r == 0)
			r = check_entry(&element, &entry, err);
		if (r == 0)
			r = volume_set_destination(&volume, entry.target, entry.target, arena, err);
		if (r < 0)
			return r;
		while (strcmp(kind_names[volume.kind], entry.type) != 0)
			volume.kind++;
		volume.source = entry.source;
		volume.readonly = entry.readonly;
		volume.propagation = entry.propagation;
		volume.create_source = entry.create;
		volume.nocopy = entry.nocopy;
		volume.anonymous = entry.anonymous;
		volume.short_form = entry.of_flag;
		volume.options =
			volume.kind == VOLUME_TMPFS ? entry.tmpfs_options : entry.bind_options;
		r = add(ret, arena, &volume, err);
	}
	return r;
}

static json_t *mount_json(const struct json_at *at, const struct container_volume *v,
			  struct error *err)
{
	struct mount_entry entry = {
		.type = (char *)kind_names[v->kind],
		.source = v->source,
		.target = v->destination,
		.propagation = v->propagation,
		.readonly = v->readonly,
		.create = v->create_source,
		.nocopy = v->nocopy,
		.anonymous = v->anonymous,
		.of_flag = v->anonymous && v->short_form,
	};

	if (v->kind == VOLUME_TMPFS)
		entry.tmpfs_options = v->options;
	else
		entry.bind_options = v->options;
	return object_write(at, &mount_type, &entry, err);
}

int mounts_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	json_t *array = NULL;

	for (size_t i = 0; i < config->volumes_len; i++) {
		const struct container_volume *v = &config->volumes[i];
		json_t *object;

		if (is_bind(v) || is_tmpfs(v))
			continue;
		array = array ? array : json_array();
		object = mount_json(at, v, err);
		if (!object || json_array_append_new(array, object) < 0) {
			json_decref(array);
			return err->code ? -err->code : error_oom(err);
		}
	}
	*ret = array;
	return 0;
}
