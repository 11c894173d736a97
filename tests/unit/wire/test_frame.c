/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "wire/frame.h"

static int decode(struct frame frame, enum wire_way way)
{
	uint8_t header[WIRE_HEADER];
	struct frame out = { 0 };
	int r;

	frame_encode(&frame, header);
	r = frame_decode(header, way, &out);
	if (r == 0)
		assert_memory_equal(&frame, &out, sizeof(frame));
	return r;
}

static void test_layout(void **state)
{
	const struct frame frame = { WIRE_DATA, 0x102, 0x30405, 2 };
	static const uint8_t want[] = { 16, 0, 0, 0, 2, 1, 0, 0, 5, 4, 3, 0, 2, 0, 0, 0 };
	uint8_t header[WIRE_HEADER];

	(void)state;
	frame_encode(&frame, header);
	assert_memory_equal(header, want, sizeof(want));
}

static void test_every_type(void **state)
{
	static const struct {
		enum wire_type type;
		uint32_t max;
		bool guest, host;
	} types[] = {
		{ WIRE_HELLO, WIRE_RESPONSE_MAX, true, true },
		{ WIRE_REQUEST, WIRE_REQUEST_MAX, true, false },
		{ WIRE_RESPONSE, WIRE_RESPONSE_MAX, false, true },
		{ WIRE_EVENT, WIRE_RESPONSE_MAX, false, true },
		{ WIRE_GONE, 0, true, false },
		{ WIRE_DATA, WIRE_DATA_MAX, true, true },
		{ WIRE_EOF, 0, true, true },
		{ WIRE_STOP, 0, true, true },
		{ WIRE_WINDOW, 4, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct frame frame = { types[i].type, types[i].max, 7, 1 };

		assert_int_equal(decode(frame, WIRE_TO_GUEST), types[i].guest ? 0 : -EPROTO);
		assert_int_equal(decode(frame, WIRE_TO_HOST), types[i].host ? 0 : -EPROTO);
		frame.size++;
		assert_int_equal(decode(frame, WIRE_TO_GUEST), -EPROTO);
		assert_int_equal(decode(frame, WIRE_TO_HOST), -EPROTO);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < 64; type++)
		if (type == 0 || (type > WIRE_END && type < WIRE_DATA) || type > WIRE_WINDOW) {
			assert_int_equal(decode((struct frame){ type, 0, 0, 0 }, WIRE_TO_GUEST),
					 -EPROTO);
			assert_int_equal(decode((struct frame){ type, 0, 0, 0 }, WIRE_TO_HOST),
					 -EPROTO);
		}
	assert_int_equal(decode((struct frame){ UINT32_MAX, 0, 0, 0 }, WIRE_TO_GUEST), -EPROTO);
	assert_int_equal(decode((struct frame){ WIRE_DATA, UINT32_MAX, 0, 0 }, WIRE_TO_GUEST),
			 -EPROTO);
	/* no stream 3, no empty data, no grant of another size */
	assert_int_equal(decode((struct frame){ WIRE_DATA, 1, 0, 3 }, WIRE_TO_HOST), -EPROTO);
	assert_int_equal(decode((struct frame){ WIRE_EOF, 0, 0, 3 }, WIRE_TO_HOST), -EPROTO);
	assert_int_equal(decode((struct frame){ WIRE_DATA, 0, 0, 0 }, WIRE_TO_HOST), -EPROTO);
	assert_int_equal(decode((struct frame){ WIRE_WINDOW, 3, 0, 0 }, WIRE_TO_HOST), -EPROTO);
	assert_int_equal(decode((struct frame){ WIRE_REQUEST, 1, 0, 0 }, WIRE_TO_GUEST), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
