/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"

static void context_is_read_from_the_outside_in(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_sys(&err, ENOENT, "open %s", "a"), -ENOENT);
	assert_string_equal(error_text(&err), "open a: No such file or directory");
	assert_int_equal(error_wrap(&err, -ENOENT, "create %d", 7), -ENOENT);
	assert_string_equal(error_text(&err), "create 7: open a: No such file or directory");
	assert_int_equal(err.code, ENOENT);
}

static void a_later_error_replaces_an_earlier_one(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	(void)error_set(&err, EINVAL, "first");
	assert_int_equal(error_set(&err, EPERM, "second"), -EPERM);
	assert_string_equal(error_text(&err), "second");
	assert_int_equal(err.code, EPERM);
}

static void a_code_that_is_none_still_fails(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_set(&err, 0, "odd"), -EINVAL);
}

static void without_memory_the_cause_is_still_told(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_oom(&err), -ENOMEM);
	assert_string_equal(error_text(&err), "Cannot allocate memory");
	(void)error_wrap(&err, -ENOMEM, "parse");
	assert_string_equal(error_text(&err), "parse: Cannot allocate memory");
}

static void an_error_can_be_handed_over(void **state)
{
	_cleanup_error_ struct error to = ERROR_INIT, from = ERROR_INIT;

	(void)state;
	(void)error_set(&from, EBUSY, "busy");
	from.exit_status = 126;
	error_move(&to, &from);
	assert_string_equal(error_text(&to), "busy");
	assert_int_equal(to.exit_status, 126);
	assert_string_equal(error_text(&from), "no error");
	assert_int_equal(from.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_is_read_from_the_outside_in),
		cmocka_unit_test(a_later_error_replaces_an_earlier_one),
		cmocka_unit_test(a_code_that_is_none_still_fails),
		cmocka_unit_test(without_memory_the_cause_is_still_told),
		cmocka_unit_test(an_error_can_be_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
