/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed: JSON that parses whatever is in the strings, and runc's table. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/output.h"
#include "cli/table.h"

static void assert_output(const struct output *out, const char *expected)
{
	assert_false(out->failed);
	assert_int_equal(out->len, strlen(expected));
	assert_memory_equal(out->data, expected, out->len);
}

static void json_has_its_commas(void **state)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	(void)state;
	put_open(&out, NULL, '{');
	put_string(&out, "a", "x:");
	put_open(&out, "b", '[');
	put_unsigned(&out, NULL, UINT64_MAX);
	put_signed(&out, NULL, -1);
	put_open(&out, NULL, '{');
	put_close(&out, '}');
	put_close(&out, ']');
	put_number(&out, "c", 0.25);
	put_null(&out, "d");
	put_close(&out, '}');
	assert_output(&out,
		      "{\"a\":\"x:\",\"b\":[18446744073709551615,-1,{}],\"c\":0.25,\"d\":null}");
}

static void json_strings_hold_any_bytes(void **state)
{
	static const struct {
		const char *text, *json;
	} strings[] = {
		{ "", "\"\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\n\t\r\x01\x7f", "\"\\n\\t\\u000d\\u0001\\u007f\"" },
		{ "\xe2\x82\xac \xf0\x9f\x90\xb3", "\"\xe2\x82\xac \xf0\x9f\x90\xb3\"" },
		{ "\xff"
		  "a",
		  "\"\\ufffda\"" },
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },                       /* overlong */
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },                       /* cut off */
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },            /* surrogate */
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* beyond Unicode */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		_cleanup_output_ struct output out = OUTPUT_INIT;

		put_string(&out, NULL, strings[i].text);
		assert_output(&out, strings[i].json);
	}
}

static void tables_are_aligned_as_runc_does(void **state)
{
	static const char *const cells[] = {
		"ID", "PID",     "STATUS", "OWNER",        "a-rather-long-id",
		"1",  "running", "root",   "\xe2\x82\xac", "0",
		"",   "",
	};
	_cleanup_output_ struct output out = OUTPUT_INIT;

	(void)state;
	table_print(&out, cells, 3, 4);
	assert_output(&out, "ID                 PID         STATUS      OWNER\n"
			    "a-rather-long-id   1           running     root\n"
			    "\xe2\x82\xac                  0                       \n");
}

static void tables_keep_one_line_a_row(void **state)
{
	static const char *const cells[] = { "a\nb\x1b[2J", "c" };
	_cleanup_output_ struct output out = OUTPUT_INIT;

	(void)state;
	table_print(&out, cells, 1, 2);
	assert_output(&out, "a?b?[2J     c\n");
}

static void a_full_disk_is_an_error(void **state)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	int saved = dup(STDOUT_FILENO);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int r;

	(void)state;
	assert_true(saved >= 0 && full >= 0);
	assert_int_equal(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
	output_text(&out, "text");
	r = output_flush(&out, &err);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	close(full);
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(error_text(&err), "standard output"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_its_commas),
		cmocka_unit_test(json_strings_hold_any_bytes),
		cmocka_unit_test(tables_are_aligned_as_runc_does),
		cmocka_unit_test(tables_keep_one_line_a_row),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
