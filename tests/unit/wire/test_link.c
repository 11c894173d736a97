/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "wire/link.h"

#define LIMIT (512 << 10)

/* A link on one end, the bare descriptor on the other. */
struct pair {
	struct wire_link link;
	int peer;
};

static void pair_open(struct pair *p, enum wire_way receives)
{
	struct error err = ERROR_INIT;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(wire_link_init(&p->link, fds[0], receives, LIMIT, &err), 0);
	p->peer = fds[1];
}

static void pair_close(struct pair *p)
{
	wire_link_done(&p->link);
	if (p->peer >= 0)
		close(p->peer);
}

static size_t encode(uint8_t *out, enum wire_type type, uint32_t client, uint32_t number,
		     const void *body, size_t len)
{
	const struct frame frame = { type, (uint32_t)len, client, number };

	frame_encode(&frame, out);
	if (len)
		memcpy(out + WIRE_HEADER, body, len);
	return WIRE_HEADER + len;
}

/* Three frames, cut at every byte: the same frames come out. */
static void test_every_split(void **state)
{
	uint8_t bytes[256];
	size_t len = encode(bytes, WIRE_REQUEST, 3, 9, "{\"op\":\"pids\"}", 13);

	(void)state;
	len += encode(bytes + len, WIRE_GONE, 4, 0, NULL, 0);
	len += encode(bytes + len, WIRE_DATA, 5, 0, "abc", 3);
	for (size_t cut = 0; cut <= len; cut++) {
		static const enum wire_type want[] = { WIRE_REQUEST, WIRE_GONE, WIRE_DATA };
		size_t got = 0;
		struct pair p;

		pair_open(&p, WIRE_TO_GUEST);
		for (int half = 0; half < 2; half++) {
			const uint8_t *body;
			struct frame frame;
			size_t from = half ? cut : 0, to = half ? len : cut;
			int r;

			if (to > from)
				assert_int_equal(write(p.peer, bytes + from, to - from), to - from);
			assert_int_equal(wire_link_receive(&p.link), 0);
			while ((r = wire_link_next(&p.link, &frame, &body)) == 1) {
				assert_int_equal(frame.type, want[got]);
				assert_int_equal(frame.client, 3 + got);
				if (got == 1)
					assert_null(body);
				if (got == 2)
					assert_memory_equal(body, "abc", 3);
				got++;
			}
			assert_int_equal(r, 0);
		}
		assert_int_equal(got, 3);
		pair_close(&p);
	}
}

static void test_byte_by_byte_large(void **state)
{
	static uint8_t text[200000], bytes[sizeof(text) + WIRE_HEADER];
	const uint8_t *body;
	struct frame frame;
	struct pair p;
	size_t len, done = 0;
	int r = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	len = encode(bytes, WIRE_REQUEST, 1, 1, text, sizeof(text));
	pair_open(&p, WIRE_TO_GUEST);
	while (done < len) {
		size_t n = done < 40 ? 1 : len - done < 30000 ? len - done : 30000;

		assert_int_equal(r, 0);
		assert_int_equal(write(p.peer, bytes + done, n), n);
		done += n;
		assert_int_equal(wire_link_receive(&p.link), 0);
		r = wire_link_next(&p.link, &frame, &body);
	}
	assert_int_equal(r, 1);
	assert_int_equal(frame.size, sizeof(text));
	assert_memory_equal(body, text, sizeof(text));
	assert_int_equal(wire_link_next(&p.link, &frame, &body), 0);
	assert_true(p.link.in.room < sizeof(text)); /* given back */
	pair_close(&p);
}

/* The size is refused before anything is allocated for it. */
static void test_oversize(void **state)
{
	const struct frame frames[] = { { WIRE_DATA, WIRE_DATA_MAX + 1, 1, 0 },
					{ WIRE_REQUEST, WIRE_REQUEST_MAX + 1, 1, 0 },
					{ 99, 0, 1, 0 },
					{ WIRE_RESPONSE, 10, 1, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		uint8_t header[WIRE_HEADER];
		const uint8_t *body;
		struct frame frame;
		struct pair p;

		pair_open(&p, WIRE_TO_GUEST);
		frame_encode(&frames[i], header);
		assert_int_equal(write(p.peer, header, sizeof(header)), sizeof(header));
		assert_int_equal(wire_link_receive(&p.link), 0);
		assert_int_equal(wire_link_next(&p.link, &frame, &body), -EPROTO);
		assert_int_equal(wire_link_receive(&p.link), -EPROTO);
		assert_true(p.link.in.room < (128 << 10));
		pair_close(&p);
	}
}

/* A peer that does not read: what waits is bounded, and the rest is as it was. */
static void test_flood(void **state)
{
	static uint8_t data[WIRE_DATA_MAX];
	size_t frames = 0, bytes = 0;
	struct pair p;
	int r;

	(void)state;
	pair_open(&p, WIRE_TO_HOST);
	while ((r = wire_link_send(&p.link, WIRE_DATA, 1, 0, data, sizeof(data))) == 0)
		assert_true(++frames < 1000);
	assert_int_equal(r, -ENOBUFS);
	assert_true(wire_link_waiting(&p.link) <= LIMIT);
	assert_int_equal(wire_link_events(&p.link, true), POLLIN | POLLOUT);
	assert_int_equal(wire_link_events(&p.link, false), POLLOUT);
	while (wire_link_waiting(&p.link)) {
		ssize_t n = read(p.peer, data, sizeof(data));

		assert_true(n > 0);
		bytes += (size_t)n;
		assert_int_equal(wire_link_flush(&p.link), 0);
	}
	for (ssize_t n; (n = recv(p.peer, data, sizeof(data), MSG_DONTWAIT)) > 0;)
		bytes += (size_t)n;
	assert_int_equal(bytes, frames * (WIRE_DATA_MAX + WIRE_HEADER));
	assert_true(p.link.out.room <= (64 << 10));
	assert_int_equal(wire_link_events(&p.link, true), POLLIN);
	pair_close(&p);
}

static void test_ends(void **state)
{
	const uint8_t *body;
	struct frame frame;
	struct pair p;

	(void)state;
	pair_open(&p, WIRE_TO_HOST);
	assert_int_equal(wire_link_receive(&p.link), 0); /* nothing yet */
	assert_false(p.link.ended);
	close(p.peer);
	p.peer = -1;
	assert_int_equal(wire_link_receive(&p.link), 0);
	assert_true(p.link.ended);
	assert_int_equal(wire_link_next(&p.link, &frame, &body), 0);
	assert_int_equal(wire_link_events(&p.link, true), 0);
	assert_int_equal(wire_link_send(&p.link, WIRE_GONE, 1, 0, NULL, 0), -EPIPE);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split), cmocka_unit_test(test_byte_by_byte_large),
		cmocka_unit_test(test_oversize),    cmocka_unit_test(test_flood),
		cmocka_unit_test(test_ends),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
