/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Objects as tables: one row a property, saying its name, type, range and where in the struct it
 * goes. A table reads like the spec's own list, and no property can be parsed in a way of its own
 * by mistake.
 *
 * An empty string counts as absent, as null does: Go's encoder leaves both out, and its decoder
 * does not tell them apart, so configs in the wild have either.
 */
#include "base/json.h"
#include "oci/spec.h"

enum property_type {
	PROPERTY_STRING,   /* char * */
	PROPERTY_BOOL,     /* bool */
	PROPERTY_OPT_BOOL, /* struct opt_bool */
	PROPERTY_I32,      /* int32_t, from min to max */
	PROPERTY_I64,      /* int64_t, likewise */
	PROPERTY_OPT_I64,  /* struct opt_i64, likewise */
	PROPERTY_U32,      /* uint32_t, from 0 to max */
	PROPERTY_U64,      /* uint64_t, likewise */
	PROPERTY_OPT_U64,  /* struct opt_u64, likewise */
	PROPERTY_STRINGS,  /* struct strv */
	PROPERTY_U32S,     /* uint32_t *, size_t */
	PROPERTY_MAP,      /* struct key_values */
	PROPERTY_INLINE,   /* an object whose offsets are those of the surrounding struct */
	PROPERTY_OBJECT,   /* T *, allocated when present */
	PROPERTY_OBJECTS,  /* T *, size_t */
	PROPERTY_CUSTOM,   /* whatever read makes of it, and write of that */
};

struct object_type;
struct arena;

/* Reads the present value at into ret, the struct that has the property. 0, or -errno with err. */
typedef int (*property_read_fn)(const struct json_at *at, struct arena *arena, void *ret,
				struct error *err);

/* The value of the property of from, a struct that read has filled, in *ret; NULL there when it was
 * not given. 0, or -errno with err, whose place is at. */
typedef int (*property_write_fn)(const struct json_at *at, const void *from, json_t **ret,
				 struct error *err);

struct property {
	const char *name;
	enum property_type type;
	bool required;
	size_t offset;     /* of the value, or of the pointer to the first */
	size_t len_offset; /* of the number of them */
	int64_t min;
	uint64_t max;             /* of integers; of entries when not 0 */
	const char *const *words; /* the values a string, or each string of an array, may have */
	const struct object_type *object;
	property_read_fn read;
	property_write_fn write; /* of a custom property that object_write has to write */
};

struct object_type {
	const struct property *properties;
	size_t len;
	size_t size; /* of the struct */
	/* What a row cannot say, once all are read; may be NULL. */
	property_read_fn check;
	/* Of an inline object with required properties: whether it was given. */
	bool (*given)(const void *from);
};

#define OBJECT_TYPE(table, type, check_fn)                                                         \
	{                                                                                          \
		.properties = (table), .len = ARRAY_SIZE(table), .size = sizeof(type),             \
		.check = (check_fn)                                                                \
	}

#define P_AT(s, key, kind, field) .name = (key), .type = (kind), .offset = offsetof(s, field)
#define P_LIST(s, key, kind, items, n) P_AT(s, key, kind, items), .len_offset = offsetof(s, n)

#define P_STRING(s, key, field) P_AT(s, key, PROPERTY_STRING, field)
#define P_WORD(s, key, field, list) P_AT(s, key, PROPERTY_STRING, field), .words = (list)
#define P_BOOL(s, key, field) P_AT(s, key, PROPERTY_BOOL, field)
#define P_OPT_BOOL(s, key, field) P_AT(s, key, PROPERTY_OPT_BOOL, field)
#define P_I32(s, key, field) P_AT(s, key, PROPERTY_I32, field), .min = INT32_MIN, .max = INT32_MAX
#define P_I64(s, key, field) P_AT(s, key, PROPERTY_I64, field), .min = INT64_MIN, .max = INT64_MAX
#define P_OPT_I64(s, key, field, lo, hi)                                                           \
	P_AT(s, key, PROPERTY_OPT_I64, field), .min = (lo), .max = (hi)
#define P_U32(s, key, field, hi) P_AT(s, key, PROPERTY_U32, field), .max = (hi)
#define P_U64(s, key, field) P_AT(s, key, PROPERTY_U64, field), .max = UINT64_MAX
#define P_OPT_U64(s, key, field, hi) P_AT(s, key, PROPERTY_OPT_U64, field), .max = (hi)
#define P_STRINGS(s, key, field) P_LIST(s, key, PROPERTY_STRINGS, field.items, field.len)
#define P_WORDS(s, key, field, list) P_STRINGS(s, key, field), .words = (list)
#define P_MAP(s, key, field) P_LIST(s, key, PROPERTY_MAP, field.items, field.len)
#define P_INLINE(key, type_) .name = (key), .type = PROPERTY_INLINE, .object = (type_)
#define P_OBJECT(s, key, field, type_) P_AT(s, key, PROPERTY_OBJECT, field), .object = (type_)
#define P_OBJECTS(s, key, field, type_)                                                            \
	P_LIST(s, key, PROPERTY_OBJECTS, field.items, field.len), .object = (type_)
#define P_CUSTOM(key, fn) .name = (key), .type = PROPERTY_CUSTOM, .read = (fn)
#define P_REQUIRED .required = true

/* Reads the object at into ret, a zeroed struct of type->size bytes; what it points to belongs to
 * arena. Properties that the table does not name are passed over (runtime-spec "Extensibility"). */
int object_read(const struct json_at *at, const struct object_type *type, struct arena *arena,
		void *ret, struct error *err);

/* The inverse: the object that object_read makes from from again; owned. A property that was not
 * given, or has the value of one that is absent, is left out. NULL with err set: EILSEQ for text
 * that JSON cannot carry, by its place below at, whose value is not looked at. */
json_t *object_write(const struct json_at *at, const struct object_type *type, const void *from,
		     struct error *err);

/* A string of a document for from; NULL with err set when it is not UTF-8. */
json_t *text_write(const struct json_at *at, const char *text, struct error *err);

/* Whether words (NULL-terminated) has text. */
bool word_known(const char *const *words, const char *text);
