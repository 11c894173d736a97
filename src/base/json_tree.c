/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* As the encoder writes a marked integer's beginning. */
#define MARK_TEXT "\"\\u0011"

static bool is_marked(const char *text)
{
	return strncmp(text, JSON_TREE_MARK, strlen(JSON_TREE_MARK)) == 0;
}

json_t *json_tree_u64(uint64_t value)
{
	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	return json_sprintf(JSON_TREE_MARK "%" PRIu64, value);
}

/* Only what json_tree_u64 makes: digits, without a leading zero, of more than INT64_MAX. */
static bool get_marked(const json_t *string, uint64_t *ret)
{
	const char *text = json_string_value(string);
	uint64_t value = 0;

	if (!text || !is_marked(text) || json_string_length(string) > 21)
		return false;
	for (text += strlen(JSON_TREE_MARK); *text; text++)
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
			return false;
	if (value <= INT64_MAX)
		return false;
	*ret = value;
	return true;
}

bool json_tree_get_u64(const json_t *integer, uint64_t *ret)
{
	if (!json_is_integer(integer))
		return get_marked(integer, ret);
	if (json_integer_value(integer) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(integer);
	return true;
}

static int exact(const struct json_at *at, json_t **ret, struct error *err);

static int exact_members(const struct json_at *at, struct error *err)
{
	json_t *object = (json_t *)at->value, *value;
	const char *key;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		struct json_at member = json_member(at, key);
		json_t *with = NULL;
		int r;

		if (is_marked(key))
			return json_error(&member, err, "begins with a control character");
		r = exact(&member, &with, err);
		if (r < 0)
			return r;
		if (with && json_object_set_new(object, key, with) < 0)
			return error_oom(err);
	}
	return 0;
}

static int exact_elements(const struct json_at *at, struct error *err)
{
	json_t *array = (json_t *)at->value;

	for (size_t i = 0; i < json_array_size(array); i++) {
		struct json_at element = json_element(at, i);
		json_t *with = NULL;
		int r = exact(&element, &with, err);

		if (r < 0)
			return r;
		if (with && json_array_set_new(array, i, with) < 0)
			return error_oom(err);
	}
	return 0;
}

/* What the value at is to be replaced by, if by anything; of arrays and objects the values in it. */
static int exact(const struct json_at *at, json_t **ret, struct error *err)
{
	uint64_t large;
	int r;

	switch (at->value ? json_typeof(at->value) : JSON_NULL) {
	case JSON_OBJECT:
		return exact_members(at, err);
	case JSON_ARRAY:
		return exact_elements(at, err);
	case JSON_STRING:
		return is_marked(json_string_value(at->value))
			       ? json_error(at, err, "begins with a control character")
			       : 0;
	case JSON_REAL:
		/* A real of the document itself, which no property is, or the place of a large
		 * integer: beyond the first character, as json.c has it. */
		if (!at->doc->text || json_real_value(at->value) < 1)
			return 0;
		r = json_get_u64(at, 0, UINT64_MAX, &large, err);
		if (r < 0)
			return r;
		*ret = json_tree_u64(large);
		return *ret ? 0 : error_oom(err);
	default:
		return 0;
	}
}

int json_tree_parse(const char *text, size_t len, json_t **ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	json_t *none = NULL;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return r;
	root = json_root(&doc, NULL);
	r = exact(&root, &none, err);
	if (r < 0)
		return r;
	*ret = json_incref(doc.root);
	return 0;
}

/* Removes the marks: the text only gets shorter. */
static void unmark(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		const char *end = from + 1;
		size_t digits;

		if (*from != '"') {
			*to++ = *from++;
			continue;
		}
		while (*end != '"')
			end += *end == '\\' ? 2 : 1;
		end++;
		digits = strncmp(from, MARK_TEXT, strlen(MARK_TEXT)) == 0
				 ? strspn(from + strlen(MARK_TEXT), "0123456789")
				 : 0;
		if (digits && *end != ':' && from + strlen(MARK_TEXT) + digits + 1 == end) {
			memmove(to, from + strlen(MARK_TEXT), digits);
			to += digits;
		} else {
			memmove(to, from, (size_t)(end - from));
			to += end - from;
		}
		from = end;
	}
	*to = '\0';
}

char *json_tree_text(const json_t *tree)
{
	char *text = json_dumps(tree, JSON_COMPACT);

	if (text)
		unmark(text);
	return text;
}
