/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/*
 * jansson's integers are int64; uint64 beyond that is real input (RLIM_INFINITY, seccomp masks) and
 * as a real it would lose digits. So before decoding, an integer literal of that size is replaced
 * by a real that says where in the text it stands, with this fraction; the getters read it from
 * there. No spec property is a real, so each real of the document itself is replaced by the other
 * fraction and none can be taken for a place. Replacements are padded with spaces: line and column
 * stay true.
 */
#define PLACE_FRACTION 0.25
#define OTHER_REAL "0.5"
/* Digits of 9223372036854775807: a literal with fewer fits int64. */
#define INT64_DIGITS 19

struct literal {
	size_t len;
	bool integer;
};

static size_t digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && isdigit((unsigned char)text[n]))
		n++;
	return n;
}

/* The number literal (RFC 8259) that text begins with; length 0 when it is none. */
static struct literal scan_number(const char *text, size_t len)
{
	struct literal lit = { .integer = true };
	size_t i = len && text[0] == '-', n = digits(text + i, len - i);

	if (n == 0 || (n > 1 && text[i] == '0'))
		return (struct literal){ 0 };
	i += n;
	if (i < len && text[i] == '.') {
		n = digits(text + i + 1, len - i - 1);
		if (n == 0)
			return (struct literal){ 0 };
		i += 1 + n;
		lit.integer = false;
	}
	if (i < len && (text[i] == 'e' || text[i] == 'E')) {
		size_t sign = i + 1 < len && (text[i + 1] == '+' || text[i + 1] == '-');

		n = digits(text + i + 1 + sign, len - i - 1 - sign);
		if (n == 0)
			return (struct literal){ 0 };
		i += 1 + sign + n;
		lit.integer = false;
	}
	lit.len = i;
	return lit;
}

/* The end of the string literal that begins at text[i]. */
static size_t skip_string(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i;
}

struct scan {
	size_t values; /* an upper bound, by the commas and brackets */
	bool long_integer;
};

/* Every value but the first of its array or object follows a comma, so counting these and the
 * brackets bounds the memory a decoder needs before it takes any. */
static struct scan scan_text(const char *text, size_t len)
{
	struct scan scan = { .values = 1 };
	size_t run = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9') {
			scan.long_integer |= ++run >= INT64_DIGITS;
			continue;
		}
		run = 0;
		if (c == '"')
			i = skip_string(text, len, i);
		else if (c == ',' || c == '[' || c == '{')
			scan.values++;
	}
	return scan;
}

static bool fits_i64(const char *text, size_t len)
{
	const char *limit = text[0] == '-' ? "9223372036854775808" : "9223372036854775807";
	size_t sign = text[0] == '-';

	len -= sign;
	return len < INT64_DIGITS ||
	       (len == INT64_DIGITS && strncmp(text + sign, limit, INT64_DIGITS) <= 0);
}

/* A copy in which integers beyond int64 and all reals are replaced as said above; NULL on OOM. */
static char *replace_numbers(const char *text, size_t len)
{
	char *copy = malloc(len), place[32];

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	for (size_t i = 0; i < len; i++) {
		struct literal lit;
		int n = 0;

		if (text[i] == '"') {
			i = skip_string(text, len, i);
			continue;
		}
		if (text[i] != '-' && !isdigit((unsigned char)text[i]))
			continue;
		lit = scan_number(text + i, len - i);
		/* Not a number, or two in one: left for the decoder to report. What is put in one's place
		 * could make a number of them ("1-99999999999999999999"). */
		if (!lit.len || (i + lit.len < len && text[i + lit.len] &&
				 strchr("+-.0123456789Ee", text[i + lit.len])))
			break;
		if (!lit.integer)
			n = snprintf(place, sizeof(place), OTHER_REAL);
		else if (!fits_i64(text + i, lit.len))
			n = snprintf(place, sizeof(place), "%zu.25", i);
		if (n > 0 && (size_t)n <= lit.len) {
			memset(copy + i, ' ', lit.len);
			memcpy(copy + i, place, (size_t)n);
		}
		i += lit.len - 1;
	}
	return copy;
}

/* jansson's words quote the input after " near ", which may be of any bytes: cut there. */
static int syntax_error(const char *text, size_t len, const json_error_t *error, struct error *err)
{
	const char *what;
	char buf[JSON_PRINTABLE_SIZE], words[sizeof(error->text)];
	char *near;

	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return error_oom(err);
	case json_error_stack_overflow:
		return error_set(err, E2BIG, "nested too deeply, at line %d, column %d",
				 error->line, error->column);
	case json_error_invalid_utf8:
		what = "text that is not UTF-8";
		break;
	case json_error_premature_end_of_input:
		/* The decoder takes a NUL for the end. */
		what = memchr(text, '\0', len) ? "a NUL byte" : "the text ends too early";
		break;
	case json_error_end_of_input_expected:
		what = "text after the end of the document";
		break;
	case json_error_null_character:
	case json_error_null_byte_in_key:
		what = "a NUL character in a string";
		break;
	case json_error_numeric_overflow:
		what = "a number that is out of range";
		break;
	default:
		memcpy(words, error->text, sizeof(words));
		words[sizeof(words) - 1] = '\0';
		near = strstr(words, " near ");
		if (near)
			*near = '\0';
		what = json_printable(words, buf);
	}
	return error_set(err, EINVAL, "invalid JSON at line %d, column %d: %s", error->line,
			 error->column, what);
}

int json_doc_parse(const char *text, size_t len, struct json_doc *ret, struct error *err)
{
	_cleanup_free_ char *copy = NULL;
	struct scan scan = scan_text(text, len);
	json_error_t error;
	json_t *root;

	if (scan.values > JSON_VALUES_MAX)
		return error_set(err, E2BIG, "more than %zu JSON values", JSON_VALUES_MAX);
	if (scan.long_integer) {
		copy = replace_numbers(text, len);
		if (!copy)
			return error_oom(err);
	}
	root = json_loadb(copy ? copy : text, len, 0, &error);
	if (!root)
		return syntax_error(text, len, &error, err);
	*ret = (struct json_doc){ .root = root, .text = copy ? text : NULL };
	return 0;
}

void json_doc_done(struct json_doc *doc)
{
	json_decref(doc->root);
	*doc = (struct json_doc){ 0 };
}

struct json_at json_root(const struct json_doc *doc, const char *name)
{
	return (struct json_at){
		.doc = doc,
		.key = name ? name : "",
		.value = json_is_null(doc->root) ? NULL : doc->root,
	};
}

struct json_at json_member(const struct json_at *object, const char *key)
{
	const json_t *value = json_object_get(object->value, key);

	return (struct json_at){
		.doc = object->doc,
		.parent = object,
		.key = key,
		.value = json_is_null(value) ? NULL : value,
	};
}

struct json_at json_element(const struct json_at *array, size_t index)
{
	const json_t *value = json_array_get(array->value, index);

	return (struct json_at){
		.doc = array->doc,
		.parent = array,
		.index = index,
		.value = json_is_null(value) ? NULL : value,
	};
}

bool json_next_member(const struct json_at *object, void **iter, struct json_at *ret)
{
	json_t *value = (json_t *)object->value; /* jansson iterates over non-const objects only */

	*iter = *iter ? json_object_iter_next(value, *iter) : json_object_iter(value);
	if (!*iter)
		return false;
	value = json_object_iter_value(*iter);
	*ret = (struct json_at){
		.doc = object->doc,
		.parent = object,
		.key = json_object_iter_key(*iter),
		.value = json_is_null(value) ? NULL : value,
	};
	return true;
}

char *json_printable(const char *text, char buf[JSON_PRINTABLE_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (n > JSON_PRINTABLE_SIZE - 8) { /* room for one more \xNN and "..." */
			memcpy(buf + n, "...", 3);
			n += 3;
			break;
		}
		if (c >= 0x20 && c < 0x7f) {
			buf[n++] = (char)c;
		} else {
			buf[n++] = '\\';
			buf[n++] = 'x';
			buf[n++] = hex[c >> 4];
			buf[n++] = hex[c & 15];
		}
	}
	buf[n] = '\0';
	return buf;
}

static void write_path(FILE *out, const struct json_at *at)
{
	char buf[JSON_PRINTABLE_SIZE];
	long before;

	if (at->parent)
		write_path(out, at->parent);
	before = ftell(out);
	if (!at->key)
		(void)fprintf(out, "[%zu]", at->index);
	else
		(void)fprintf(out, "%s%s", before > 0 && at->key[0] ? "." : "",
			      json_printable(at->key, buf));
}

char *json_path(const struct json_at *at)
{
	char *path = NULL;
	size_t size;
	FILE *out = open_memstream(&path, &size);

	if (!out)
		return NULL;
	write_path(out, at);
	if (fclose(out) != 0) {
		free(path);
		return NULL;
	}
	return path;
}

int json_error(const struct json_at *at, struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *path = json_path(at), *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (!path || !what)
		return error_oom(err);
	if (!path[0])
		return error_set(err, EINVAL, "%s", what);
	return error_set(err, EINVAL, "%s: %s", path, what);
}

static int type_error(const struct json_at *at, const char *wanted, struct error *err)
{
	if (!at->value && at->parent && at->key)
		return json_error(at, err, "required");
	return json_error(at, err, "expected %s", wanted);
}

int json_get_string(const struct json_at *at, struct arena *arena, char **ret, struct error *err)
{
	char *copy;

	/* The decoder has refused \u0000 in strings, so the length says it all. */
	if (!json_is_string(at->value))
		return type_error(at, "a string", err);
	copy = arena_strndup(arena, json_string_value(at->value), json_string_length(at->value));
	if (!copy)
		return error_oom(err);
	*ret = copy;
	return 0;
}

int json_get_bool(const struct json_at *at, bool *ret, struct error *err)
{
	if (!json_is_boolean(at->value))
		return type_error(at, "true or false", err);
	*ret = json_is_true(at->value);
	return 0;
}

/* The integer as sign and magnitude; saturated at UINT64_MAX with *ret_over set. */
static bool get_integer(const struct json_at *at, bool *ret_negative, uint64_t *ret, bool *ret_over)
{
	*ret_over = false;
	if (json_is_integer(at->value)) {
		json_int_t value = json_integer_value(at->value);

		*ret_negative = value < 0;
		*ret = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
		return true;
	}
	if (json_is_real(at->value) && at->doc->text) {
		double real = json_real_value(at->value);
		size_t place = (size_t)real;
		const char *text = at->doc->text + place;

		if (real != (double)place + PLACE_FRACTION)
			return false;
		*ret_negative = *text == '-';
		*ret = 0;
		for (text += *ret_negative; isdigit((unsigned char)*text); text++)
			*ret_over |= __builtin_mul_overflow(*ret, 10, ret) ||
				     __builtin_add_overflow(*ret, (unsigned)(*text - '0'), ret);
		return true;
	}
	return false;
}

int json_get_i64(const struct json_at *at, int64_t min, int64_t max, int64_t *ret,
		 struct error *err)
{
	bool negative, over;
	uint64_t magnitude;
	int64_t value;

	if (!get_integer(at, &negative, &magnitude, &over))
		return type_error(at, "an integer", err);
	over |= magnitude > (uint64_t)INT64_MAX + negative;
	value = over ? 0 : negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (over || value < min || value > max)
		return json_error(at, err, "expected an integer from %lld to %lld", (long long)min,
				  (long long)max);
	*ret = value;
	return 0;
}

int json_get_u64(const struct json_at *at, uint64_t min, uint64_t max, uint64_t *ret,
		 struct error *err)
{
	bool negative, over;
	uint64_t value;

	if (!get_integer(at, &negative, &value, &over))
		return type_error(at, "an integer", err);
	if (over || (negative && value) || value < min || value > max)
		return json_error(at, err, "expected an integer from %llu to %llu",
				  (unsigned long long)min, (unsigned long long)max);
	*ret = value;
	return 0;
}

int json_get_u32(const struct json_at *at, uint32_t min, uint32_t max, uint32_t *ret,
		 struct error *err)
{
	uint64_t value;
	int r = json_get_u64(at, min, max, &value, err);

	if (r < 0)
		return r;
	*ret = (uint32_t)value;
	return 0;
}

int json_get_array(const struct json_at *at, size_t max, size_t *ret_len, struct error *err)
{
	size_t len;

	if (!json_is_array(at->value))
		return type_error(at, "an array", err);
	len = json_array_size(at->value);
	if (len > max) {
		(void)json_error(at, err, "%zu entries, at most %zu are allowed", len, max);
		err->code = E2BIG;
		return -E2BIG;
	}
	*ret_len = len;
	return 0;
}

int json_get_object(const struct json_at *at, size_t *ret_len, struct error *err)
{
	size_t len;

	if (!json_is_object(at->value))
		return type_error(at, "an object", err);
	len = json_object_size(at->value);
	if (len > JSON_ENTRIES_MAX) {
		(void)json_error(at, err, "%zu entries, at most %zu are allowed", len,
				 JSON_ENTRIES_MAX);
		err->code = E2BIG;
		return -E2BIG;
	}
	*ret_len = len;
	return 0;
}

int json_get_strings(const struct json_at *at, struct arena *arena, char ***ret_items,
		     size_t *ret_len, struct error *err)
{
	char **items;
	size_t len;
	int r = json_get_array(at, JSON_ENTRIES_MAX, &len, err);

	if (r < 0)
		return r;
	items = arena_array(arena, char *, len + 1);
	if (!items)
		return error_oom(err);
	for (size_t i = 0; i < len; i++) {
		struct json_at element = json_element(at, i);

		r = json_get_string(&element, arena, &items[i], err);
		if (r < 0)
			return r;
	}
	*ret_items = items;
	*ret_len = len;
	return 0;
}
