/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/units.h"

static void test_sizes(void **state)
{
	char buf[UNITS_SIZE];

	(void)state;
	assert_string_equal(units_decimal(0, buf), "0B");
	assert_string_equal(units_decimal(999, buf), "999B");
	assert_string_equal(units_decimal(245800, buf), "245.8kB");
	assert_string_equal(units_decimal(1266000, buf), "1.266MB");
	assert_string_equal(units_decimal(251000000, buf), "251MB");
	assert_string_equal(units_decimal(UINT64_MAX, buf), "18.45EB");
	assert_string_equal(units_binary(1023, buf), "1023B");
	assert_string_equal(units_binary(1536 * 1024, buf), "1.5MiB");
}

static void test_durations(void **state)
{
	char buf[UNITS_SIZE];

	(void)state;
	assert_string_equal(units_duration(-5, buf), "Less than a second");
	assert_string_equal(units_duration(1, buf), "1 second");
	assert_string_equal(units_duration(59, buf), "59 seconds");
	assert_string_equal(units_duration(60, buf), "About a minute");
	assert_string_equal(units_duration(119, buf), "About a minute");
	assert_string_equal(units_duration(120, buf), "2 minutes");
	assert_string_equal(units_duration(3600, buf), "About an hour");
	assert_string_equal(units_duration(47 * 3600, buf), "47 hours");
	assert_string_equal(units_duration(48 * 3600, buf), "2 days");
	assert_string_equal(units_duration(35 * 86400, buf), "5 weeks");
	assert_string_equal(units_duration(90 * 86400, buf), "3 months");
	assert_string_equal(units_duration(800 * 86400, buf), "2 years");
	assert_string_equal(units_duration(INT64_MAX, buf), "292471208677 years");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
