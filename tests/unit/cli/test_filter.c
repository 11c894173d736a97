/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/filter.h"

static const char *const known[] = { "name", "id", "label", "label!", "dangling", NULL };

static int parse(struct filter *filter, struct error *err, char *const *texts, size_t len)
{
	return filter_parse(&(struct flag_list){ .items = (char **)texts, .len = len }, known,
			    filter, err);
}

static void values_of_one_key_are_alternatives(void **state)
{
	char *texts[] = { (char *)"name=^we", (char *)"name=db$", (char *)"id=ab" };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_filter_ struct filter filter = { 0 };

	(void)state;
	assert_int_equal(parse(&filter, &err, texts, 3), 0);
	assert_true(filter_matches(&filter, "name", "web"));
	assert_true(filter_matches(&filter, "name", "my-db"));
	assert_false(filter_matches(&filter, "name", "other"));
	assert_true(filter_begins(&filter, "id", "abcdef"));
	assert_false(filter_begins(&filter, "id", "xab"));
	assert_true(filter_equals(&filter, "dangling", "whatever"));
	assert_true(filter_has(&filter, "id"));
	assert_false(filter_has(&filter, "dangling"));
}

static void labels_must_all_hold(void **state)
{
	struct key_value items[] = { { (char *)"a", (char *)"1" }, { (char *)"b", (char *)"" } };
	const struct key_values labels = { .items = items, .len = 2 };
	static const struct {
		const char *texts[2];
		size_t len;
		bool fits;
	} cases[] = {
		{ { "label=a" }, 1, true },
		{ { "label=a=1" }, 1, true },
		{ { "label=a=2" }, 1, false },
		{ { "label=c" }, 1, false },
		{ { "label=a", "label=b" }, 2, true },
		{ { "label=a", "label=c" }, 2, false },
		{ { "label!=a" }, 1, false },
		{ { "label!=c" }, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_filter_ struct filter filter = { 0 };

		assert_int_equal(parse(&filter, &err, (char *const *)cases[i].texts, cases[i].len),
				 0);
		assert_int_equal(filter_labels(&filter, &labels), cases[i].fits);
	}
}

static void bad_ones_are_named(void **state)
{
	static const char *const texts[][2] = {
		{ "nome=x", "invalid filter 'nome' (there are name, id," },
		{ "name", "bad format of filter name" },
		{ "=x", "bad format of filter =x" },
	};
	char *yes[] = { (char *)"dangling=maybe" };
	_cleanup_error_ struct error bool_err = ERROR_INIT;
	_cleanup_filter_ struct filter dangling = { 0 };
	int value = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_filter_ struct filter filter = { 0 };
		char *text[] = { (char *)texts[i][0] };

		assert_int_equal(parse(&filter, &err, text, 1), -EINVAL);
		assert_non_null(strstr(error_text(&err), texts[i][1]));
	}
	assert_int_equal(parse(&dangling, &bool_err, yes, 1), 0);
	assert_int_equal(filter_bool(&dangling, "dangling", &value, &bool_err), -EINVAL);
	assert_int_equal(value, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_one_key_are_alternatives),
		cmocka_unit_test(labels_must_all_hold),
		cmocka_unit_test(bad_ones_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
