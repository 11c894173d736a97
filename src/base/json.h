/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading JSON: a cursor that knows where in the document it stands, and typed getters whose errors
 * begin with that place ("process.rlimits[2].type: expected a string"). The path is only built when
 * there is an error: a cursor is a value on the stack that points at its parent's.
 *
 * null counts as absent, as for Go's decoder. Integers are exact over the whole of int64 and
 * uint64; a number with a fraction or an exponent is no integer. Not safe for several threads at
 * one document.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Entries that one array or object may have. */
#define JSON_ENTRIES_MAX ((size_t)65536)
/* Values that one document may have: each costs some 40 bytes, whatever its text costs. */
#define JSON_VALUES_MAX ((size_t)1024 * 1024)
/* Enough for json_printable. */
#define JSON_PRINTABLE_SIZE 96

struct json_doc {
	json_t *root;
	const char *text; /* borrowed, where integers beyond int64 are read; NULL: there are none */
};

/* Parses text (an object or an array), which must stay until json_doc_done. Broken JSON: -EINVAL
 * with line and column, none of the input repeated; too deep or too many values: -E2BIG. */
int json_doc_parse(const char *text, size_t len, struct json_doc *ret, struct error *err);

/* Frees the document; cursors into it end with it. */
void json_doc_done(struct json_doc *doc);
#define _cleanup_json_doc_ _cleanup_(json_doc_done)

struct json_at {
	const struct json_doc *doc;
	const struct json_at *parent; /* NULL at the root */
	const char *key;              /* NULL for an array's element */
	size_t index;
	const json_t *value; /* NULL: absent */
};

/* The document itself. name begins every path ("process"), NULL for a document whose members do. */
struct json_at json_root(const struct json_doc *doc, const char *name);
/* A member of an object, absent when there is none or it is null. */
struct json_at json_member(const struct json_at *object, const char *key);
/* An element of an array: index must be below the length from json_get_array. */
struct json_at json_element(const struct json_at *array, size_t index);

/* The place, as in error messages; caller frees, NULL when memory runs out. */
char *json_path(const struct json_at *at);

/* Sets err to "<path>: <text>" with EINVAL. Returns -EINVAL. */
int json_error(const struct json_at *at, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1, 2)));

/* text for a message: at most some 80 characters, what is not printable ASCII as \xNN, so that no
 * input can break the line or drive the terminal. Returns buf. */
char *json_printable(const char *text, char buf[JSON_PRINTABLE_SIZE]);

/* All below: the value must be present and of the type; -EINVAL, or -ENOMEM, otherwise. */
int json_get_string(const struct json_at *at, struct arena *arena, char **ret, struct error *err);
int json_get_bool(const struct json_at *at, bool *ret, struct error *err);
int json_get_i64(const struct json_at *at, int64_t min, int64_t max, int64_t *ret,
		 struct error *err);
int json_get_u64(const struct json_at *at, uint64_t min, uint64_t max, uint64_t *ret,
		 struct error *err);
int json_get_u32(const struct json_at *at, uint32_t min, uint32_t max, uint32_t *ret,
		 struct error *err);
/* The number of an array's elements, -E2BIG beyond max. */
int json_get_array(const struct json_at *at, size_t max, size_t *ret_len, struct error *err);
/* The number of an object's members, -E2BIG beyond JSON_ENTRIES_MAX. */
int json_get_object(const struct json_at *at, size_t *ret_len, struct error *err);
/* An array of strings; items[len] is NULL. */
int json_get_strings(const struct json_at *at, struct arena *arena, char ***ret_items,
		     size_t *ret_len, struct error *err);

/* Walks an object's members in the order of the text: start with *iter NULL; false at the end. An
 * empty key is left to the caller. */
bool json_next_member(const struct json_at *object, void **iter, struct json_at *ret);
