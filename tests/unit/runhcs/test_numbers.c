/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that options take: exactly what is written, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/number.h"

static void unsigned_takes_only_digits(void **state)
{
	static const char *const bad[] = {
		"", "+1", "-1", " 1", "1 ", "0x10", "1e3", "1.0", "one"
	};
	uint64_t value = 99;

	(void)state;
	assert_int_equal(number_unsigned("0", 10, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number_unsigned("18446744073709551615", UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number_unsigned("18446744073709551616", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number_unsigned("11", 10, &value), -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_unsigned(bad[i], UINT64_MAX, &value), -EINVAL);
	assert_true(value == UINT64_MAX); /* untouched by failures */
}

static void signed_reaches_both_ends(void **state)
{
	int64_t value;

	(void)state;
	assert_int_equal(number_signed("-9223372036854775808", &value), 0);
	assert_true(value == INT64_MIN);
	assert_int_equal(number_signed("9223372036854775807", &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(number_signed("9223372036854775808", &value), -ERANGE);
	assert_int_equal(number_signed("-9223372036854775809", &value), -ERANGE);
	assert_int_equal(number_signed("-", &value), -EINVAL);
	assert_int_equal(number_signed("--1", &value), -EINVAL);
}

static void sizes_as_docker_reads_them(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "-1", -1 },
		{ "536870912", 536870912 },
		{ "512k", 524288 },
		{ "512K", 524288 },
		{ "1kb", 1024 },
		{ "1KiB", 1024 },
		{ "1 m", 1048576 },
		{ "100b", 100 },
		{ "1.5g", 1610612736 },
		{ "2T", 2199023255552 },
		{ "1p", 1125899906842624 },
		{ "9223372036854775807", INT64_MAX },
	};
	static const char *const bad[] = { "",    "-2",     "k",    "1kk", "1ib", "1.",
					   ".5g", "1.2.3m", "0x1m", "12q", "1m ", "m1" };
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(number_size(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_size(bad[i], &bytes), -EINVAL);
	assert_int_equal(number_size("9223372036854775808", &bytes), -ERANGE);
	assert_int_equal(number_size("8192p", &bytes), -ERANGE);
	assert_int_equal(number_size("99999999999999999999g", &bytes), -ERANGE);
}

static void durations_as_go_writes_them(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "5s", 5000000000 },
		{ "1m30s", 90000000000 },
		{ "1.5h", 5400000000000 },
		{ "300ms", 300000000 },
		{ "1us", 1000 },
		{ "1\xc2\xb5s", 1000 },
		{ "7ns", 7 },
		{ "0.5ms", 500000 },
		{ "1h1m1s1ms", 3661001000000 },
	};
	static const char *const bad[] = {
		"", "5", "s", "5 s", "-5s", "5x", "1m30", "1.s", "5sec"
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(number_duration(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_duration(bad[i], &ns), -EINVAL);
	assert_int_equal(number_duration("2562048h", &ns), -ERANGE);
	assert_int_equal(number_duration("2562047h2562047h", &ns), -ERANGE);
}

/* CVE-2026-30892: `exec -u 1` ran as root. */
static void users_are_what_they_say(void **state)
{
	static const char *const bad[] = { "",   ":",  ":5", "1:", "1:2:3", "root", "0x1", "1x",
					   "+1", "-1", " 1", "1 ", "1:-1",  "1: 2", "1.0" };
	uint32_t uid = 7, gid = 7;
	bool has_gid = true;

	(void)state;
	assert_int_equal(number_user("1", &uid, &has_gid, &gid), 0);
	assert_int_equal(uid, 1);
	assert_false(has_gid);
	assert_int_equal(number_user("1000:100", &uid, &has_gid, &gid), 0);
	assert_int_equal(uid, 1000);
	assert_true(has_gid);
	assert_int_equal(gid, 100);
	assert_int_equal(number_user("4294967294:4294967294", &uid, &has_gid, &gid), 0);
	assert_true(uid == 4294967294);
	/* -1 to the kernel: "leave as it is" */
	assert_int_equal(number_user("4294967295", &uid, &has_gid, &gid), -ERANGE);
	assert_int_equal(number_user("0:4294967295", &uid, &has_gid, &gid), -ERANGE);
	assert_int_equal(number_user("4294967297", &uid, &has_gid, &gid), -ERANGE);
	assert_int_equal(number_user("18446744073709551617", &uid, &has_gid, &gid), -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_user(bad[i], &uid, &has_gid, &gid), -EINVAL);
	assert_true(uid == 4294967294); /* untouched by failures */
}

static void option_numbers_name_the_option(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t value;
	int64_t number;

	(void)state;
	assert_int_equal(option_unsigned("--blkio-weight", "10", 10, 1000, &value, &err), 0);
	assert_int_equal(value, 10);
	assert_int_equal(option_unsigned("--blkio-weight", "9", 10, 1000, &value, &err), -EINVAL);
	assert_string_equal(error_text(&err),
			    "--blkio-weight: expected a number from 10 to 1000, got \"9\"");
	error_done(&err);
	assert_int_equal(option_signed("--pids-limit", "-1", -1, 100, &number, &err), 0);
	assert_int_equal(number, -1);
	assert_int_equal(option_signed("--pids-limit", "-2", -1, 100, &number, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_takes_only_digits),
		cmocka_unit_test(signed_reaches_both_ends),
		cmocka_unit_test(sizes_as_docker_reads_them),
		cmocka_unit_test(durations_as_go_writes_them),
		cmocka_unit_test(users_are_what_they_say),
		cmocka_unit_test(option_numbers_name_the_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
