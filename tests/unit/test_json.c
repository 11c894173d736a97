/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"

static void assert_broken_bytes(const char *text, size_t len, const char *message)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;

	assert_true(json_doc_parse(text, len, &doc, &err) < 0);
	assert_string_equal(error_text(&err), message);
}

static void assert_broken(const char *text, const char *message)
{
	assert_broken_bytes(text, strlen(text), message);
}

/* The member "v" of text as uint64; the message when it is refused. */
static const char *u64_of(const char *text, uint64_t *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root, v;

	error_done(err);
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, err), 0);
	root = json_root(&doc, NULL);
	v = json_member(&root, "v");
	return json_get_u64(&v, 0, UINT64_MAX, ret, err) < 0 ? error_text(err) : NULL;
}

static const char *i64_of(const char *text, int64_t *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root, v;

	error_done(err);
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, err), 0);
	root = json_root(&doc, NULL);
	v = json_member(&root, "v");
	return json_get_i64(&v, INT64_MIN, INT64_MAX, ret, err) < 0 ? error_text(err) : NULL;
}

static void unsigned_integers_are_exact_up_to_the_last(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} cases[] = {
		{ "{\"v\":0}", 0 },
		{ "{\"v\":-0}", 0 },
		{ "{\"v\":9223372036854775807}", INT64_MAX },
		{ "{\"v\":9223372036854775808}", (uint64_t)INT64_MAX + 1 },
		{ "{\"v\":18446744073709551614}", UINT64_MAX - 1 },
		{ "{\"v\":18446744073709551615}", UINT64_MAX },
		{ "{ \"a\\\"\": \"\\\\\", \"v\" : 18446744073709551615 }", UINT64_MAX },
		{ "{\"b\":1.25,\"v\":10000000000000000001}", 10000000000000000001U },
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(u64_of(cases[i].text, &value, &err));
		assert_true(value == cases[i].value);
	}
}

/* A large integer is decoded by a stand-in, which must not make a number of what is none. */
static void numbers_run_together_are_broken(void **state)
{
	(void)state;
	assert_broken("{\"v\":2-99999999999999999999}",
		      "invalid JSON at line 1, column 27: a number that is out of range");
	assert_broken("{\"v\":--99999999999999999999}",
		      "invalid JSON at line 1, column 6: invalid token");
}

static void integers_out_of_range_are_refused_with_the_range(void **state)
{
	const char *range = "v: expected an integer from 0 to 18446744073709551615";
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t u;
	int64_t i;

	(void)state;
	assert_string_equal(u64_of("{\"v\":18446744073709551616}", &u, &err), range);
	assert_string_equal(u64_of("{\"v\":99999999999999999999999999}", &u, &err), range);
	assert_string_equal(u64_of("{\"v\":-1}", &u, &err), range);
	assert_string_equal(u64_of("{\"v\":-9223372036854775809}", &u, &err), range);

	assert_null(i64_of("{\"v\":-9223372036854775808}", &i, &err));
	assert_true(i == INT64_MIN);
	assert_null(i64_of("{\"v\":9223372036854775807}", &i, &err));
	assert_true(i == INT64_MAX);
	range = "v: expected an integer from -9223372036854775808 to 9223372036854775807";
	assert_string_equal(i64_of("{\"v\":9223372036854775808}", &i, &err), range);
	assert_string_equal(i64_of("{\"v\":-9223372036854775809}", &i, &err), range);
	assert_string_equal(i64_of("{\"v\":-99999999999999999999}", &i, &err), range);
}

/* Go's decoder refuses these for integer fields; a long integer elsewhere must not change that. */
static void reals_are_no_integers_whatever_they_hold(void **state)
{
	static const char *const texts[] = {
		"{\"v\":1.0}",
		"{\"v\":1e3}",
		"{\"v\":0.25}",
		"{\"v\":1.25}",
		"{\"v\":-0.0}",
		"{\"v\":1.0,\"w\":18446744073709551615}",
		"{\"v\":4.25,\"w\":18446744073709551615}",
		"{\"v\":14.25,\"w\":18446744073709551615}",
		"{\"v\":18446744073709551615.0}",
		"{\"v\":18446744073709551615e0}",
		"{\"v\":\"18446744073709551615\"}",
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t u;
	int64_t i;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
		assert_string_equal(u64_of(texts[n], &u, &err), "v: expected an integer");
		assert_string_equal(i64_of(texts[n], &i, &err), "v: expected an integer");
	}
}

static void strings_keep_their_digits(void **state)
{
	static const char text[] = "{\"s\":\"a\\\" 18446744073709551615,1.5 \\u00e9\","
				   "\"18446744073709551615\":\"k\",\"v\":18446744073709551615}";
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct json_at root, s, k;
	char *value;

	(void)state;
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, &err), 0);
	root = json_root(&doc, NULL);
	s = json_member(&root, "s");
	k = json_member(&root, "18446744073709551615");
	assert_int_equal(json_get_string(&s, &arena, &value, &err), 0);
	assert_string_equal(value, "a\" 18446744073709551615,1.5 \xc3\xa9");
	assert_int_equal(json_get_string(&k, &arena, &value, &err), 0);
	assert_string_equal(value, "k");
}

static void broken_json_is_one_line_that_says_where(void **state)
{
	(void)state;
	assert_broken("", "invalid JSON at line 1, column 0: the text ends too early");
	assert_broken("{]", "invalid JSON at line 1, column 2: string or '}' expected");
	assert_broken("{\n\"a\": [1,\n  2",
		      "invalid JSON at line 3, column 3: the text ends too early");
	assert_broken("{\"a\":1} x",
		      "invalid JSON at line 1, column 9: text after the end of the document");
	assert_broken("{\"a\":01}", "invalid JSON at line 1, column 6: invalid token");
	assert_broken("{\"a\":\"\\u0000\"}",
		      "invalid JSON at line 1, column 13: a NUL character in a string");
	assert_broken("{\"a\":\"\xff\xfe\"}",
		      "invalid JSON at line 1, column 6: text that is not UTF-8");
	assert_broken("\x7f"
		      "ELF\x02\x01",
		      "invalid JSON at line 1, column 1: '[' or '{' expected");
	assert_broken_bytes("{\"a\":\0}", 7, "invalid JSON at line 1, column 6: a NUL byte");
	assert_broken("{\"a\":1e999}",
		      "invalid JSON at line 1, column 10: a number that is out of range");
	assert_broken("{\"a\":18446744073709551615,\n \"b\":18446744073709551615 x}",
		      "invalid JSON at line 2, column 27: '}' expected");
}

static void nesting_and_numbers_of_values_have_limits(void **state)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t len = 4 * JSON_VALUES_MAX;
	_cleanup_free_ char *text = malloc(len);

	(void)state;
	memset(text, '[', 100000);
	assert_int_equal(json_doc_parse(text, 100000, &doc, &err), -E2BIG);
	assert_non_null(strstr(error_text(&err), "nested too deeply"));
	error_done(&err);

	text[0] = '[';
	for (size_t i = 1; i < len; i += 2)
		memcpy(text + i, "1,", i + 1 < len ? 2 : 1);
	text[len - 1] = ']';
	assert_int_equal(json_doc_parse(text, len, &doc, &err), -E2BIG);
	assert_string_equal(error_text(&err), "more than 1048576 JSON values");
}

static void an_array_has_a_limit_that_names_it(void **state)
{
	static const char text[] = "{\"a\":{\"b\":[1,2,3]}}";
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct json_at root, a, b;
	size_t len;

	(void)state;
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, &err), 0);
	root = json_root(&doc, "top");
	a = json_member(&root, "a");
	b = json_member(&a, "b");
	assert_int_equal(json_get_array(&b, 3, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_int_equal(json_get_array(&b, 2, &len, &err), -E2BIG);
	assert_string_equal(error_text(&err), "top.a.b: 3 entries, at most 2 are allowed");
}

static void errors_say_where_and_what(void **state)
{
	static const char text[] = "{\"a\":[{\"b\":\"x\"},null],\"n\":null,\"k\\n\\u001b[1m\":1}";
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct json_at root, a, a0, a1, b, n, k;
	char **strings, *string;
	size_t len;
	bool flag;

	(void)state;
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, &err), 0);
	root = json_root(&doc, NULL);
	a = json_member(&root, "a");
	a0 = json_element(&a, 0);
	a1 = json_element(&a, 1);
	b = json_member(&a0, "b");
	n = json_member(&root, "n");
	k = json_member(&root, "k\n\x1b[1m");

	assert_int_equal(json_get_bool(&b, &flag, &err), -EINVAL);
	assert_string_equal(error_text(&err), "a[0].b: expected true or false");
	assert_int_equal(json_get_object(&a1, &len, &err), -EINVAL);
	assert_string_equal(error_text(&err), "a[1]: expected an object");
	assert_int_equal(json_get_strings(&a, &arena, &strings, &len, &err), -EINVAL);
	assert_string_equal(error_text(&err), "a[0]: expected a string");
	assert_int_equal(json_get_string(&n, &arena, &string, &err), -EINVAL);
	assert_string_equal(error_text(&err), "n: required");
	assert_int_equal(json_get_array(&root, 1, &len, &err), -EINVAL);
	assert_string_equal(error_text(&err), "expected an array");
	assert_int_equal(json_get_string(&k, &arena, &string, &err), -EINVAL);
	assert_string_equal(error_text(&err), "k\\x0a\\x1b[1m: expected a string");
}

static void the_last_of_duplicate_keys_counts(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t value;

	(void)state;
	assert_null(u64_of("{\"v\":1,\"v\":2}", &value, &err));
	assert_int_equal(value, 2);
}

static void text_for_messages_is_short_and_printable(void **state)
{
	char long_text[1000], buf[JSON_PRINTABLE_SIZE];

	(void)state;
	memset(long_text, '\n', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_true(strlen(json_printable(long_text, buf)) < JSON_PRINTABLE_SIZE);
	assert_null(strchr(buf, '\n'));
	assert_non_null(strstr(buf, "..."));
	assert_string_equal(json_printable("plain \xc3\xa9", buf), "plain \\xc3\\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_integers_are_exact_up_to_the_last),
		cmocka_unit_test(numbers_run_together_are_broken),
		cmocka_unit_test(integers_out_of_range_are_refused_with_the_range),
		cmocka_unit_test(reals_are_no_integers_whatever_they_hold),
		cmocka_unit_test(strings_keep_their_digits),
		cmocka_unit_test(broken_json_is_one_line_that_says_where),
		cmocka_unit_test(nesting_and_numbers_of_values_have_limits),
		cmocka_unit_test(an_array_has_a_limit_that_names_it),
		cmocka_unit_test(errors_say_where_and_what),
		cmocka_unit_test(the_last_of_duplicate_keys_counts),
		cmocka_unit_test(text_for_messages_is_short_and_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
