/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "cli/format_tree.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

bool format_truth(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_INTEGER:
		return json_integer_value(value) != 0;
	case JSON_REAL:
		return json_real_value(value) != 0;
	default:
		return json_is_true(value);
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_map(struct output *out, const json_t *map)
{
	_cleanup_free_ const char **keys = calloc(json_object_size(map) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	size_t len = 0;

	if (!keys) {
		out->failed = true;
		return;
	}
	json_object_foreach((json_t *)map, key, value) keys[len++] = key;
	qsort(keys, len, sizeof(*keys), compare_keys);
	output_text(out, "map[");
	for (size_t i = 0; i < len; i++) {
		output_format(out, "%s%s:", i ? " " : "", keys[i]);
		format_print_value(out, json_object_get(map, keys[i]));
	}
	output_text(out, "]");
}

void format_print_value(struct output *out, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		print_map(out, value);
		break;
	case JSON_ARRAY:
		output_text(out, "[");
		for (size_t i = 0; i < json_array_size(value); i++) {
			output_text(out, i ? " " : "");
			format_print_value(out, json_array_get(value, i));
		}
		output_text(out, "]");
		break;
	case JSON_STRING:
		output_bytes(out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		output_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		output_format(out, "%g", json_real_value(value));
		break;
	case JSON_NULL:
		output_text(out, "<no value>");
		break;
	default:
		output_text(out, json_is_true(value) ? "true" : "false");
		break;
	}
}

char *format_json(const struct format_run *run, const json_t *value)
{
	json_t *copy = NULL;
	char *text;
	const char *key;
	json_t *member;
	void *next;

	if (value == run->root && json_is_object(value)) {
		copy = json_copy((json_t *)value);
		json_object_foreach_safe(copy, next, key, member) if (*key == *FORMAT_HIDDEN)(void)
			json_object_del(copy, key);
	}
	text = json_dumps(copy ? copy : value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(copy);
	return text;
}

/* What a function gives: text, taken and freed. */
static int give_text(struct format_run *run, char *text, size_t len, json_t **ret)
{
	*ret = text ? json_stringn_nocheck(text, len) : NULL;
	free(text);
	return *ret ? 0 : error_oom(run->err);
}

static int give(struct format_run *run, json_t *value, json_t **ret)
{
	*ret = value;
	return value ? 0 : error_oom(run->err);
}

static int wrong(struct format_run *run, const char *name, const char *wants)
{
	return error_set(run->err, EINVAL, "%s: %s", name, wants);
}

static int call_json(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	char *text = format_json(run, args[0]);

	(void)len;
	return give_text(run, text, text ? strlen(text) : 0, ret);
}

static int call_len(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	size_t n = json_is_string(args[0])  ? json_string_length(args[0])
		   : json_is_array(args[0]) ? json_array_size(args[0])
					    : json_object_size(args[0]);

	(void)len;
	/* A map or list of docker's that has nothing is null in its JSON. */
	if (!json_is_string(args[0]) && !json_is_array(args[0]) && !json_is_object(args[0]) &&
	    !json_is_null(args[0]))
		return wrong(run, "len", "wants a string, a list or a map");
	return give(run, json_integer((json_int_t)n), ret);
}

static int call_index(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	json_t *at = args[0];

	for (size_t i = 1; i < len; i++) {
		if (json_is_array(at) && json_is_integer(args[i])) {
			json_int_t n = json_integer_value(args[i]);

			if (n < 0 || (size_t)n >= json_array_size(at))
				return error_set(run->err, EINVAL, "index: %lld is out of range",
						 (long long)n);
			at = json_array_get(at, (size_t)n);
		} else if ((json_is_object(at) || json_is_null(at)) && json_is_string(args[i])) {
			at = json_object_get(at, json_string_value(args[i]));
			if (!at)
				return give(run, i + 1 < len ? json_null() : json_string(""), ret);
		} else {
			return wrong(run, "index",
				     "wants a list and a number, or a map and a string");
		}
	}
	return give(run, json_incref(at), ret);
}

static int call_slice(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	const bool text = json_is_string(args[0]);
	const size_t size = text ? json_string_length(args[0]) : json_array_size(args[0]);
	json_int_t from = 0, to = (json_int_t)size;
	json_t *list;

	if (!text && !json_is_array(args[0]))
		return wrong(run, "slice", "wants a string or a list");
	if (len > 1)
		from = json_integer_value(args[1]);
	if (len > 2)
		to = json_integer_value(args[2]);
	if (from < 0 || to > (json_int_t)size || from > to)
		return wrong(run, "slice", "out of range");
	if (text)
		return give(run,
			    json_stringn_nocheck(json_string_value(args[0]) + from,
						 (size_t)(to - from)),
			    ret);
	list = json_array();
	for (json_int_t i = from; list && i < to; i++)
		if (json_array_append(list, json_array_get(args[0], (size_t)i)) < 0) {
			json_decref(list);
			list = NULL;
		}
	return give(run, list, ret);
}

static int call_split(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	const char *text = json_string_value(args[0]), *by = json_string_value(args[1]);
	json_t *list;

	(void)len;
	if (!text || !by || !*by)
		return wrong(run, "split", "wants a string and a separator");
	list = json_array();
	for (const char *end; list; text = end + strlen(by)) {
		end = strstr(text, by);
		if (json_array_append_new(list,
					  json_stringn_nocheck(text, end ? (size_t)(end - text)
									 : strlen(text))) < 0) {
			json_decref(list);
			list = NULL;
		}
		if (!end)
			break;
	}
	return give(run, list, ret);
}

static int call_join(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const char *by = json_string_value(args[1]);

	(void)len;
	if ((!json_is_array(args[0]) && !json_is_null(args[0])) || !by)
		return wrong(run, "join", "wants a list and a separator");
	for (size_t i = 0; i < json_array_size(args[0]); i++) {
		output_text(&out, i ? by : "");
		format_print_value(&out, json_array_get(args[0], i));
	}
	if (out.failed)
		return error_oom(run->err);
	return give(run, json_stringn_nocheck(out.data ? out.data : "", out.len), ret);
}

static int change_case(struct format_run *run, const json_t *value, int how, json_t **ret)
{
	const char *text = json_string_value(value);
	char *copy = text ? strdup(text) : NULL;
	bool begins = true;

	if (!text)
		return wrong(run,
			     how == 'u'   ? "upper"
			     : how == 'l' ? "lower"
					  : "title",
			     "wants a string");
	for (char *c = copy; c && *c; c++) {
		if (how == 'u' || (how == 't' && begins))
			*c = (char)toupper((unsigned char)*c);
		else if (how == 'l')
			*c = (char)tolower((unsigned char)*c);
		begins = *c == ' ' || *c == '\t' || *c == '\n';
	}
	return give_text(run, copy, copy ? strlen(copy) : 0, ret);
}

static int call_upper(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return change_case(run, args[0], 'u', ret);
}

static int call_lower(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return change_case(run, args[0], 'l', ret);
}

static int call_title(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return change_case(run, args[0], 't', ret);
}

/* truncate TEXT LENGTH, as docker has it. */
static int call_truncate(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	const char *text = json_string_value(args[0]);
	json_int_t max = json_integer_value(args[1]);
	size_t size = json_string_length(args[0]);

	(void)len;
	if (!text || !json_is_integer(args[1]) || max < 0)
		return wrong(run, "truncate", "wants a string and a length");
	if ((uint64_t)max < size)
		size = (size_t)max;
	return give(run, json_stringn_nocheck(text, size), ret);
}

/* pad TEXT BEFORE AFTER: spaces around what is not empty. */
static int call_pad(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const char *text = json_string_value(args[0]);
	const json_int_t before = json_integer_value(args[1]), after = json_integer_value(args[2]);

	(void)len;
	if (!text || !json_is_integer(args[1]) || !json_is_integer(args[2]) || before < 0 ||
	    after < 0 || before > 10000 || after > 10000)
		return wrong(run, "pad", "wants a string and two widths");
	if (*text) {
		output_pad(&out, (size_t)before);
		output_text(&out, text);
		output_pad(&out, (size_t)after);
	}
	if (out.failed)
		return error_oom(run->err);
	return give(run, json_stringn_nocheck(out.data ? out.data : "", out.len), ret);
}

static int print_all(struct format_run *run, json_t *const *args, size_t len, const char *end,
		     bool always_space, json_t **ret)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	for (size_t i = 0; i < len; i++) {
		/* print: between operands when neither is a string. */
		if (i > 0 &&
		    (always_space || (!json_is_string(args[i]) && !json_is_string(args[i - 1]))))
			output_text(&out, " ");
		format_print_value(&out, args[i]);
	}
	output_text(&out, end);
	if (out.failed)
		return error_oom(run->err);
	return give(run, json_stringn_nocheck(out.data ? out.data : "", out.len), ret);
}

static int call_print(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	return print_all(run, args, len, "", false, ret);
}

static int call_println(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	return print_all(run, args, len, "\n", true, ret);
}

static int call_printf(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	int r = format_printf(run, args, len, &out);

	if (r < 0)
		return r;
	if (out.failed || out.len > TEXT_MAX)
		return error_oom(run->err);
	return give(run, json_stringn_nocheck(out.data ? out.data : "", out.len), ret);
}

/* -1, 0, 1; *ok false: they cannot be compared. */
static int compare(const json_t *a, const json_t *b, bool *ok)
{
	*ok = true;
	if (json_is_string(a) && json_is_string(b)) {
		int c = strcmp(json_string_value(a), json_string_value(b));

		return (c > 0) - (c < 0);
	}
	if (json_is_integer(a) && json_is_integer(b))
		return (json_integer_value(a) > json_integer_value(b)) -
		       (json_integer_value(a) < json_integer_value(b));
	if (json_is_number(a) && json_is_number(b))
		return (json_number_value(a) > json_number_value(b)) -
		       (json_number_value(a) < json_number_value(b));
	if (json_is_boolean(a) && json_is_boolean(b))
		return (int)json_is_true(a) - (int)json_is_true(b);
	*ok = json_is_null(a) || json_is_null(b);
	return json_is_null(a) && json_is_null(b) ? 0 : 1;
}

static int relate(struct format_run *run, json_t *const *args, const char *name, json_t **ret)
{
	bool ok, result;
	int c = compare(args[0], args[1], &ok);

	if (!ok)
		return wrong(run, name, "the two are of different types");
	result = strcmp(name, "ne") == 0   ? c != 0
		 : strcmp(name, "lt") == 0 ? c < 0
		 : strcmp(name, "le") == 0 ? c <= 0
		 : strcmp(name, "gt") == 0 ? c > 0
					   : c >= 0;
	return give(run, json_boolean(result), ret);
}

/* eq A B C: is A one of the others? */
static int call_eq(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	bool ok, found = false;

	for (size_t i = 1; i < len && !found; i++) {
		found = compare(args[0], args[i], &ok) == 0;
		if (!ok)
			return wrong(run, "eq", "the two are of different types");
	}
	return give(run, json_boolean(found), ret);
}

static int call_ne(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return relate(run, args, "ne", ret);
}

static int call_lt(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return relate(run, args, "lt", ret);
}

static int call_le(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return relate(run, args, "le", ret);
}

static int call_gt(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return relate(run, args, "gt", ret);
}

static int call_ge(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return relate(run, args, "ge", ret);
}

/* The first that decides, else the last. */
static int call_and(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	size_t i = 0;

	while (i + 1 < len && format_truth(args[i]))
		i++;
	return give(run, json_incref(args[i]), ret);
}

static int call_or(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	size_t i = 0;

	while (i + 1 < len && !format_truth(args[i]))
		i++;
	return give(run, json_incref(args[i]), ret);
}

static int call_not(struct format_run *run, json_t *const *args, size_t len, json_t **ret)
{
	(void)len;
	return give(run, json_boolean(!format_truth(args[0])), ret);
}

static const struct function {
	const char *name;
	size_t min, max;
	int (*call)(struct format_run *run, json_t *const *args, size_t len, json_t **ret);
} functions[] = {
	{ "json", 1, 1, call_json },
	{ "len", 1, 1, call_len },
	{ "index", 1, 32, call_index },
	{ "slice", 1, 3, call_slice },
	{ "split", 2, 2, call_split },
	{ "join", 2, 2, call_join },
	{ "upper", 1, 1, call_upper },
	{ "lower", 1, 1, call_lower },
	{ "title", 1, 1, call_title },
	{ "truncate", 2, 2, call_truncate },
	{ "pad", 3, 3, call_pad },
	{ "print", 0, 32, call_print },
	{ "println", 0, 32, call_println },
	{ "printf", 1, 32, call_printf },
	{ "eq", 2, 32, call_eq },
	{ "ne", 2, 2, call_ne },
	{ "lt", 2, 2, call_lt },
	{ "le", 2, 2, call_le },
	{ "gt", 2, 2, call_gt },
	{ "ge", 2, 2, call_ge },
	{ "and", 1, 32, call_and },
	{ "or", 1, 32, call_or },
	{ "not", 1, 1, call_not },
};

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}

bool format_function_known(const char *name)
{
	return find(name);
}

int format_call(struct format_run *run, const char *name, json_t *const *args, size_t len,
		json_t **ret)
{
	const struct function *function = find(name);

	*ret = NULL;
	if (!function)
		return wrong(run, name, "unknown function");
	if (len < function->min || len > function->max)
		return error_set(run->err, EINVAL, "%s: wrong number of arguments: %zu", name, len);
	return function->call(run, args, len, ret);
}
