/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/property.h"

#include <string.h>

bool word_known(const char *const *words, const char *text)
{
	for (; *words; words++)
		if (strcmp(*words, text) == 0)
			return true;
	return false;
}

static int check_word(const struct json_at *at, const struct property *p, const char *text,
		      struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	if (!p->words || word_known(p->words, text))
		return 0;
	return json_error(at, err, "unknown value \"%s\"", json_printable(text, buf));
}

static int read_strings(const struct json_at *at, const struct property *p, struct arena *arena,
			char ***ret_items, size_t *ret_len, struct error *err)
{
	int r = json_get_strings(at, arena, ret_items, ret_len, err);

	for (size_t i = 0; r == 0 && p->words && i < *ret_len; i++) {
		struct json_at element = json_element(at, i);

		r = check_word(&element, p, (*ret_items)[i], err);
	}
	return r;
}

static int read_u32s(const struct json_at *at, const struct property *p, struct arena *arena,
		     uint32_t **ret_items, size_t *ret_len, struct error *err)
{
	uint32_t *items;
	size_t len;
	int r = json_get_array(at, JSON_ENTRIES_MAX, &len, err);

	if (r < 0)
		return r;
	items = arena_array(arena, uint32_t, len);
	if (!items)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_at element = json_element(at, i);

		r = json_get_u32(&element, 0, (uint32_t)p->max, &items[i], err);
	}
	*ret_items = items;
	*ret_len = len;
	return r;
}

static int read_map(const struct json_at *at, struct arena *arena, struct key_value **ret_items,
		    size_t *ret_len, struct error *err)
{
	struct key_value *items;
	struct json_at member;
	void *iter = NULL;
	size_t len, n = 0;
	int r = json_get_object(at, &len, err);

	if (r < 0)
		return r;
	items = arena_array(arena, struct key_value, len);
	if (!items)
		return error_oom(err);
	while (json_next_member(at, &iter, &member)) {
		if (!member.key[0])
			return json_error(at, err, "a key is empty");
		r = json_get_string(&member, arena, &items[n].value, err);
		if (r < 0)
			return r;
		items[n].key = arena_strdup(arena, member.key);
		if (!items[n++].key)
			return error_oom(err);
	}
	*ret_items = items;
	*ret_len = n;
	return 0;
}

static int read_objects(const struct json_at *at, const struct property *p, struct arena *arena,
			void **ret_items, size_t *ret_len, struct error *err)
{
	size_t size = p->object->size, len;
	char *items;
	int r = json_get_array(at, p->max ? p->max : JSON_ENTRIES_MAX, &len, err);

	if (r < 0)
		return r;
	items = arena_alloc(arena, len, size);
	if (!items)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_at element = json_element(at, i);

		r = object_read(&element, p->object, arena, items + i * size, err);
	}
	*ret_items = items;
	*ret_len = len;
	return r;
}

static int read_integer(const struct json_at *at, const struct property *p, void *field,
			struct error *err)
{
	struct opt_i64 *opt_i64 = field;
	struct opt_u64 *opt_u64 = field;
	int64_t value = 0;
	int r;

	switch (p->type) {
	case PROPERTY_I32:
		r = json_get_i64(at, p->min, (int64_t)p->max, &value, err);
		*(int32_t *)field = (int32_t)value;
		return r;
	case PROPERTY_I64:
		return json_get_i64(at, p->min, (int64_t)p->max, field, err);
	case PROPERTY_OPT_I64:
		opt_i64->set = true;
		return json_get_i64(at, p->min, (int64_t)p->max, &opt_i64->value, err);
	case PROPERTY_U32:
		return json_get_u32(at, 0, (uint32_t)p->max, field, err);
	case PROPERTY_U64:
		return json_get_u64(at, 0, p->max, field, err);
	default:
		opt_u64->set = true;
		return json_get_u64(at, 0, p->max, &opt_u64->value, err);
	}
}

static int read_property(const struct json_at *at, const struct property *p, struct arena *arena,
			 void *ret, struct error *err)
{
	void *field = (char *)ret + p->offset;
	size_t *len = (size_t *)((char *)ret + p->len_offset);
	struct opt_bool *opt_bool = field;
	void **object = field;
	int r;

	switch (p->type) {
	case PROPERTY_STRING:
		r = json_get_string(at, arena, field, err);
		return r < 0 ? r : check_word(at, p, *(char **)field, err);
	case PROPERTY_BOOL:
		return json_get_bool(at, field, err);
	case PROPERTY_OPT_BOOL:
		opt_bool->set = true;
		return json_get_bool(at, &opt_bool->value, err);
	case PROPERTY_STRINGS:
		return read_strings(at, p, arena, field, len, err);
	case PROPERTY_U32S:
		return read_u32s(at, p, arena, field, len, err);
	case PROPERTY_MAP:
		return read_map(at, arena, field, len, err);
	case PROPERTY_INLINE:
		return object_read(at, p->object, arena, ret, err);
	case PROPERTY_OBJECT:
		*object = arena_alloc(arena, 1, p->object->size);
		return *object ? object_read(at, p->object, arena, *object, err) : error_oom(err);
	case PROPERTY_OBJECTS:
		return read_objects(at, p, arena, object, len, err);
	case PROPERTY_CUSTOM:
		return p->read(at, arena, ret, err);
	default:
		return read_integer(at, p, field, err);
	}
}

int object_read(const struct json_at *at, const struct object_type *type, struct arena *arena,
		void *ret, struct error *err)
{
	size_t len;
	int r = json_get_object(at, &len, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < type->len; i++) {
		const struct property *p = &type->properties[i];
		struct json_at member = json_member(at, p->name);

		if (p->type == PROPERTY_STRING && json_is_string(member.value) &&
		    json_string_length(member.value) == 0)
			member.value = NULL;
		if (!member.value) {
			if (p->required)
				return json_error(&member, err, "required");
			continue;
		}
		r = read_property(&member, p, arena, ret, err);
		if (r < 0)
			return r;
	}
	return type->check ? type->check(at, arena, ret, err) : 0;
}
