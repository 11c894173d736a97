/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "container/criu_message.h"

static void fields_have_the_wire_format_of_protocol_buffers(void **state)
{
	/* The example of its documentation: field 1 is 150; field 2 is "testing". */
	static const uint8_t expected[] = { 0x08, 0x96, 0x01, 0x12, 0x07, 't', 'e',
					    's',  't',  'i',  'n',  'g' };
	_cleanup_criu_message_ struct criu_message m = { 0 };

	(void)state;
	criu_put_number(&m, 1, 150);
	criu_put_text(&m, 2, "testing");
	criu_put_text(&m, 3, NULL);
	assert_false(m.failed);
	assert_int_equal(m.len, sizeof(expected));
	assert_memory_equal(m.data, expected, sizeof(expected));
}

static void what_is_written_can_be_read(void **state)
{
	_cleanup_criu_message_ struct criu_message m = { 0 };
	struct criu_reader reader, inner;
	struct criu_field f;
	char longer[1000];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	criu_put_number(&m, 1, -1);
	criu_put_pair(&m, 25, "memory", longer);
	reader = (struct criu_reader){ .at = m.data, .end = m.data + m.len };
	assert_int_equal(criu_next_field(&reader, &f), 1);
	assert_int_equal(f.number, 1);
	assert_true(f.is_number);
	assert_true(f.value == UINT64_MAX);
	assert_int_equal(criu_next_field(&reader, &f), 1);
	assert_int_equal(f.number, 25);
	inner = criu_field_reader(&f);
	assert_int_equal(criu_next_field(&inner, &f), 1);
	assert_memory_equal(f.data, "memory", 6);
	assert_int_equal(criu_next_field(&inner, &f), 1);
	assert_int_equal(f.len, sizeof(longer) - 1);
	assert_int_equal(criu_next_field(&inner, &f), 0);
	assert_int_equal(criu_next_field(&reader, &f), 0);
}

static void malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {
		{ "\x08", 1 },                                             /* no value */
		{ "\x08\x80", 2 },                                         /* a cut number */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* an endless one */
		{ "\x12\x05tes", 5 },                                      /* longer than it is */
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },    /* length 2^64 - 1 */
		{ "\x09\x01\x02", 3 },                                     /* a cut 64-bit field */
		{ "\x0b", 1 },                                             /* a group */
		{ "\x02\x01x", 3 },                                        /* field 0 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const uint8_t *data = (const uint8_t *)bad[i].data;
		struct criu_reader reader = { .at = data, .end = data + bad[i].len };
		struct criu_field f;

		assert_int_equal(criu_next_field(&reader, &f), -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_have_the_wire_format_of_protocol_buffers),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(malformed_messages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
