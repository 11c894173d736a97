/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "vmwp/tail.h"

static struct tail tail;

static void add(const char *text)
{
	tail_add(&tail, text, strlen(text));
}

static int empty(void **state)
{
	(void)state;
	tail.len = 0;
	return 0;
}

static void test_one_line(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(tail_lines(&tail, NULL, buf, sizeof(buf)), "");
	add("first\r\n\n\x1b[31msec");
	add("ond\xff\t \nthird");
	assert_string_equal(tail_lines(&tail, NULL, buf, sizeof(buf)),
			    "first | [31msecond | third");
}

static void test_last_lines_that_fit(void **state)
{
	char buf[16];

	(void)state;
	add("one\ntwo\nthree\nfour\n");
	assert_string_equal(tail_lines(&tail, NULL, buf, sizeof(buf)), "three | four");
	add("a line that is longer than what there is room for\n");
	assert_string_equal(tail_lines(&tail, NULL, buf, sizeof(buf)), "");
}

static void test_from_a_word(void **state)
{
	char buf[24];

	(void)state;
	add("noise\n[1] panic: why\nregisters of the processor\n");
	assert_string_equal(tail_lines(&tail, "panic", buf, sizeof(buf)), "[1] panic: why");
	assert_string_equal(tail_lines(&tail, "oops", buf, sizeof(buf)), "");
}

static void test_keeps_the_last_bytes(void **state)
{
	static char much[3 * TAIL_SIZE];
	char buf[64];

	(void)state;
	memset(much, 'x', sizeof(much));
	add("gone\n");
	tail_add(&tail, much, sizeof(much));
	assert_int_equal(tail.len, TAIL_SIZE);
	add("\nlast\n");
	assert_int_equal(tail.len, TAIL_SIZE);
	assert_string_equal(tail_lines(&tail, NULL, buf, sizeof(buf)), "last");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_line, empty),
		cmocka_unit_test_setup(test_last_lines_that_fit, empty),
		cmocka_unit_test_setup(test_from_a_word, empty),
		cmocka_unit_test_setup(test_keeps_the_last_bytes, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
