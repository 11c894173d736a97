/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_tree.h"

static json_t *tree_of(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *tree = NULL;

	if (json_tree_parse(text, strlen(text), &tree, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return tree;
}

static void assert_text(const json_t *tree, const char *wanted)
{
	_cleanup_free_ char *text = json_tree_text(tree);

	assert_string_equal(text, wanted);
}

static void every_integer_comes_out_as_it_went_in(void **state)
{
	static const char *const texts[] = {
		"[0,-9223372036854775808,9223372036854775807]",
		"[9223372036854775808,18446744073709551615]",
		"{\"a\":{\"b\":[18446744073709551615,{\"c\":9223372036854775809}]},\"d\":1}",
		"{\"18446744073709551615\":\"18446744073709551615\"}",
		"[18446744073709551615,\"\\\"\\\\\",\"a\\\\\"]",
		"[18446744073709551615,null,true,\"\\u0012\"]",
		"[]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		json_t *tree = tree_of(texts[i]);

		assert_text(tree, texts[i]);
		json_decref(tree);
	}
}

/* Programs on the way use jansson alone. */
static void a_tree_survives_those_who_know_nothing_of_marks(void **state)
{
	static const char text[] = "{\"hard\":18446744073709551615}";
	json_t *tree = tree_of(text), *again;
	_cleanup_free_ char *sent = json_dumps(tree, 0);

	(void)state;
	again = json_loads(sent, 0, NULL);
	assert_non_null(again);
	assert_text(again, text);
	json_decref(again);
	json_decref(tree);
}

static void integers_are_made(void **state)
{
	json_t *array = json_array();
	uint64_t value = 0;

	(void)state;
	assert_int_equal(json_array_append_new(array, json_tree_u64(0)), 0);
	assert_int_equal(json_array_append_new(array, json_tree_u64(INT64_MAX)), 0);
	assert_int_equal(json_array_append_new(array, json_tree_u64(UINT64_MAX)), 0);
	assert_true(json_is_integer(json_array_get(array, 1)));
	assert_true(json_tree_get_u64(json_array_get(array, 1), &value) && value == INT64_MAX);
	assert_true(json_tree_get_u64(json_array_get(array, 2), &value) && value == UINT64_MAX);
	assert_text(array, "[0,9223372036854775807,18446744073709551615]");
	json_decref(array);
}

/* Text of the document cannot become a number on the other side, nor break what is around it. */
static void what_looks_marked_is_refused_or_stays_text(void **state)
{
	static const char *const refused[] = {
		"[\"\\u001118446744073709551615\"]",
		"{\"a\":[\"\\u0011\"]}",
		"{\"\\u00119\":1}",
		"[18446744073709551616]",
		"[-9223372036854775809]",
		"[1,",
	};
	json_t *hostile = json_pack("[{s:s}, s, s, s]", JSON_TREE_MARK "12", JSON_TREE_MARK "x",
				    JSON_TREE_MARK "12\",34", JSON_TREE_MARK, "\\");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		json_t *tree = NULL;

		assert_int_equal(json_tree_parse(refused[i], strlen(refused[i]), &tree, &err),
				 -EINVAL);
		assert_null(tree);
		assert_true(error_text(&err)[0]);
	}
	assert_text(hostile,
		    "[{\"\\u001112\":\"\\u0011x\"},\"\\u001112\\\",34\",\"\\u0011\",\"\\\\\"]");
	json_decref(hostile);
}

static void what_is_no_integer_is_not_taken_for_one(void **state)
{
	static const char *const texts[] = { "",
					     "1",
					     JSON_TREE_MARK,
					     JSON_TREE_MARK "1",
					     JSON_TREE_MARK "-9223372036854775809",
					     JSON_TREE_MARK "18446744073709551616",
					     JSON_TREE_MARK "9223372036854775809 " };
	json_t *negative = json_integer(-1), *real = json_real(1);
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		json_t *string = json_string(texts[i]);

		assert_false(json_tree_get_u64(string, &value));
		json_decref(string);
	}
	assert_false(json_tree_get_u64(negative, &value));
	assert_false(json_tree_get_u64(real, &value));
	assert_false(json_tree_get_u64(NULL, &value));
	assert_int_equal(value, 7);
	json_decref(negative);
	json_decref(real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_integer_comes_out_as_it_went_in),
		cmocka_unit_test(a_tree_survives_those_who_know_nothing_of_marks),
		cmocka_unit_test(integers_are_made),
		cmocka_unit_test(what_is_no_integer_is_not_taken_for_one),
		cmocka_unit_test(what_looks_marked_is_refused_or_stays_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
