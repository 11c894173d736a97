/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json_tree.h"
#include "oci/property.h"

json_t *text_write(const struct json_at *at, const char *text, struct error *err)
{
	/* With the check of the encoding, or without: it tells why there is no string. */
	json_t *string = json_string(text), *unchecked;

	if (string)
		return string;
	unchecked = json_string_nocheck(text);
	if (!unchecked) {
		(void)error_oom(err);
		return NULL;
	}
	json_decref(unchecked);
	(void)json_error(at, err, "not UTF-8, which is all that JSON can carry");
	if (err->code)
		err->code = EILSEQ;
	return NULL;
}

static json_t *write_strings(const struct json_at *at, char *const *items, size_t len,
			     struct error *err)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < len; i++) {
		struct json_at element = { .parent = at, .index = i };
		json_t *string = text_write(&element, items[i], err);

		if (!string || json_array_append_new(array, string) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *write_u32s(const uint32_t *items, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < len; i++)
		if (json_array_append_new(array, json_integer(items[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *write_map(const struct json_at *at, const struct key_value *items, size_t len,
			 struct error *err)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < len; i++) {
		struct json_at member = { .parent = at, .key = items[i].key };
		json_t *string = text_write(&member, items[i].value, err);

		if (!string || json_object_set_new(object, items[i].key, string) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *write_objects(const struct json_at *at, const struct object_type *type,
			     const char *items, size_t len, struct error *err)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < len; i++) {
		struct json_at element = { .parent = at, .index = i };
		json_t *object = object_write(&element, type, items + i * type->size, err);

		if (!object || json_array_append_new(array, object) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* An absent integer or boolean is 0 to the reader. */
static json_t *write_scalar(const struct property *p, const void *field, bool *ret_given)
{
	const struct opt_bool *opt_bool = field;
	const struct opt_i64 *opt_i64 = field;
	const struct opt_u64 *opt_u64 = field;
	int64_t value;

	*ret_given = true;
	switch (p->type) {
	case PROPERTY_OPT_BOOL:
		*ret_given = opt_bool->set;
		return opt_bool->set ? json_boolean(opt_bool->value) : NULL;
	case PROPERTY_OPT_I64:
		*ret_given = opt_i64->set;
		return opt_i64->set ? json_integer(opt_i64->value) : NULL;
	case PROPERTY_OPT_U64:
		*ret_given = opt_u64->set;
		return opt_u64->set ? json_tree_u64(opt_u64->value) : NULL;
	case PROPERTY_BOOL:
		*ret_given = p->required || *(const bool *)field;
		return *ret_given ? json_boolean(*(const bool *)field) : NULL;
	case PROPERTY_U64:
		*ret_given = p->required || *(const uint64_t *)field;
		return *ret_given ? json_tree_u64(*(const uint64_t *)field) : NULL;
	case PROPERTY_I32:
		value = *(const int32_t *)field;
		break;
	case PROPERTY_U32:
		value = *(const uint32_t *)field;
		break;
	default:
		value = *(const int64_t *)field;
	}
	*ret_given = p->required || value;
	return *ret_given ? json_integer(value) : NULL;
}

/* Of a property that is a pointer to what was given: an empty list was, NULL was not. */
static json_t *write_pointed(const struct json_at *at, const struct property *p, const void *from,
			     bool *ret_given, struct error *err)
{
	const void *items = *(const void *const *)((const char *)from + p->offset);
	const size_t *len = (const size_t *)((const char *)from + p->len_offset);

	*ret_given = items != NULL;
	if (!items)
		return NULL;
	switch (p->type) {
	case PROPERTY_STRING:
		return text_write(at, items, err);
	case PROPERTY_STRINGS:
		return write_strings(at, items, *len, err);
	case PROPERTY_U32S:
		return write_u32s(items, *len);
	case PROPERTY_MAP:
		return write_map(at, items, *len, err);
	case PROPERTY_OBJECT:
		return object_write(at, p->object, items, err);
	default:
		return write_objects(at, p->object, items, *len, err);
	}
}

static json_t *write_custom(const struct json_at *at, const struct property *p, const void *from,
			    bool *ret_given, struct error *err)
{
	json_t *value = NULL;
	int r = p->write ? p->write(at, from, &value, err) : json_error(at, err, "cannot be sent");

	*ret_given = r < 0 || value;
	return value;
}

/* NULL with *ret_given false: not to be written; with it true: failed. */
static json_t *write_property(const struct json_at *at, const struct property *p, const void *from,
			      bool *ret_given, struct error *err)
{
	json_t *value;

	switch (p->type) {
	case PROPERTY_STRING:
	case PROPERTY_STRINGS:
	case PROPERTY_U32S:
	case PROPERTY_MAP:
	case PROPERTY_OBJECT:
	case PROPERTY_OBJECTS:
		return write_pointed(at, p, from, ret_given, err);
	case PROPERTY_CUSTOM:
		return write_custom(at, p, from, ret_given, err);
	case PROPERTY_INLINE:
		*ret_given = !p->object->given || p->object->given(from);
		value = *ret_given ? object_write(at, p->object, from, err) : NULL;
		if (value && !json_object_size(value))
			*ret_given = false;
		return value;
	default:
		return write_scalar(p, (const char *)from + p->offset, ret_given);
	}
}

json_t *object_write(const struct json_at *at, const struct object_type *type, const void *from,
		     struct error *err)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < type->len; i++) {
		const struct property *p = &type->properties[i];
		struct json_at member = { .parent = at, .key = p->name };
		bool given;
		json_t *value = write_property(&member, p, from, &given, err);

		if (!given) {
			json_decref(value);
			continue;
		}
		if (!value || json_object_set_new(object, p->name, value) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	if (!object && !err->code)
		(void)error_oom(err);
	return object;
}
