/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/timestamp.h"

static void texts(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
		{ 1795751938123456789, "2026-11-27T03:58:58.123456789Z" },
		{ 4107542399999999999, "2100-02-28T23:59:59.999999999Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z" },
	};
	char buf[TIMESTAMP_SIZE];
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(timestamp_text(cases[i].ns, buf), cases[i].text);
		assert_int_equal(timestamp_parse(buf, strlen(buf), &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void other_ways_to_write_it(void **state)
{
	static const char *const same[] = {
		"2026-11-27T03:58:58Z",      "2026-11-27t03:58:58z",
		"2026-11-27T04:58:58+01:00", "2026-11-26T22:28:58-05:30",
		"2026-11-27T03:58:58.0Z",    "2026-11-27T03:58:58.0000000009Z",
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		assert_int_equal(timestamp_parse(same[i], strlen(same[i]), &ns), 0);
		assert_int_equal(ns, 1795751938000000000);
	}
}

static void what_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-27",
		"2026-11-27T03:58:58",
		"2026-13-27T03:58:58Z",
		"2026-11-32T03:58:58Z",
		"2026-11-27T24:58:58Z",
		"2026-11-27T03:60:58Z",
		"2026-11-27T03:58:58.Z",
		"2026-11-27T03:58:58Zx",
		"2026-11-27T03:58:58+1:00",
		"0001-01-01T00:00:00Z",
		"9999-01-01T00:00:00Z",
		"2026-11-27T-3:58:58Z",
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(timestamp_parse(bad[i], strlen(bad[i]), &ns), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(other_ways_to_write_it),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
