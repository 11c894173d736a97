/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "wire/stream.h"

#define CLIENT 5
#define LIMIT (512 << 10)

/* source → link → link → sink, as between agent (a) and vmproc (b). */
struct wires {
	struct wire_link a, b;
	struct stream_source source;
	struct stream_sink sink;
	int in, out; /* ours: where the source reads from, where the sink writes to */
	bool eof, stopped;
	size_t granted, data_frames;
};

static void open_link(struct wires *w)
{
	struct error err = ERROR_INIT;
	int fds[2];

	memset(w, 0, sizeof(*w));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(wire_link_init(&w->a, fds[0], WIRE_TO_GUEST, LIMIT, &err), 0);
	assert_int_equal(wire_link_init(&w->b, fds[1], WIRE_TO_HOST, LIMIT, &err), 0);
}

static void open_wires(struct wires *w, bool nonblocking)
{
	int in[2], out[2];

	open_link(w);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	stream_source_init(&w->source, in[0], CLIENT, 1, nonblocking);
	stream_sink_init(&w->sink, out[1], CLIENT, 1, nonblocking);
	w->in = in[1];
	w->out = out[0];
	assert_true(fcntl(w->in, F_SETFL, O_NONBLOCK) == 0);
	assert_true(fcntl(w->out, F_SETFL, O_NONBLOCK) == 0);
}

static void close_wires(struct wires *w)
{
	stream_source_done(&w->source);
	stream_sink_done(&w->sink);
	wire_link_done(&w->a);
	wire_link_done(&w->b);
	(void)close_fd(w->in);
	(void)close_fd(w->out);
}

static void deliver_a(struct wires *w)
{
	struct frame frame;
	const uint8_t *body;

	assert_int_equal(wire_link_receive(&w->a), 0);
	while (wire_link_next(&w->a, &frame, &body) == 1) {
		assert_int_equal(frame.client, CLIENT);
		assert_int_equal(frame.number, 1);
		if (frame.type == WIRE_WINDOW) {
			uint32_t n = (uint32_t)(body[0] | body[1] << 8 | body[2] << 16);

			w->granted += n;
			assert_int_equal(stream_source_grant(&w->source, n), 0);
		} else {
			assert_int_equal(frame.type, WIRE_STOP);
			assert_false(w->stopped);
			w->stopped = true;
			stream_source_stop(&w->source);
		}
	}
}

static void deliver_b(struct wires *w)
{
	struct frame frame;
	const uint8_t *body;

	assert_int_equal(wire_link_receive(&w->b), 0);
	while (wire_link_next(&w->b, &frame, &body) == 1) {
		assert_int_equal(frame.client, CLIENT);
		if (frame.type == WIRE_DATA) {
			w->data_frames++;
			assert_int_equal(stream_sink_data(&w->sink, &w->b, body, frame.size), 0);
		} else {
			assert_int_equal(frame.type, WIRE_EOF);
			w->eof = true;
			assert_int_equal(stream_sink_eof(&w->sink), 0);
		}
	}
}

/* A turn of both loops. */
static void turn(struct wires *w)
{
	if (stream_source_events(&w->source, &w->a)) {
		struct pollfd pfd = { .fd = w->source.fd, .events = POLLIN };

		if (poll(&pfd, 1, 0) > 0)
			assert_int_equal(stream_source_step(&w->source, &w->a), 0);
	}
	assert_int_equal(wire_link_flush(&w->a), 0);
	deliver_b(w);
	if (stream_sink_events(&w->sink))
		assert_int_equal(stream_sink_step(&w->sink, &w->b), 0);
	assert_int_equal(wire_link_flush(&w->b), 0);
	deliver_a(w);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 253);
}

static void transfer(bool nonblocking)
{
	const size_t total = 3 << 20;
	size_t sent = 0, got = 0;
	static uint8_t buf[70000];
	struct wires w;

	open_wires(&w, nonblocking);
	for (int turns = 0; !w.eof || w.sink.fd >= 0 || got < total; turns++) {
		ssize_t n;

		assert_true(turns < 20000);
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = byte_at(sent + i);
		if (sent < total) {
			size_t want = total - sent < sizeof(buf) ? total - sent : sizeof(buf);

			n = write(w.in, buf, want);
			sent += n > 0 ? (size_t)n : 0;
			if (sent == total)
				w.in = close_fd(w.in);
		}
		turn(&w);
		n = read(w.out, buf, (size_t)(turns * 97 % 60000 + 1));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(got + (size_t)i));
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, total);
	assert_true(stream_source_over(&w.source));
	assert_true(stream_sink_idle(&w.sink));
	assert_null(w.sink.ring);
	close_wires(&w);
}

static void test_transfer(void **state)
{
	(void)state;
	transfer(true);
}

/* The descriptors of others, which block: never changed, never waited for. */
static void test_transfer_shared(void **state)
{
	struct wires w;

	(void)state;
	transfer(false);
	open_wires(&w, false);
	assert_false(fcntl(w.source.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(stream_source_step(&w.source, &w.a), 0); /* nothing there: returns */
	close_wires(&w);
}

/* A reader that does not read stops the writer: one window is under way, no more. */
static void test_no_reader(void **state)
{
	static uint8_t buf[65536];
	size_t sent = 0, got = 0;
	struct wires w;

	(void)state;
	open_wires(&w, true);
	for (int i = 0; i < 200; i++) {
		ssize_t n = write(w.in, buf, sizeof(buf));

		sent += n > 0 ? (size_t)n : 0;
		turn(&w);
	}
	/* both pipes, and the window */
	assert_in_range(sent, WIRE_WINDOW_SIZE, 2 * 65536 + WIRE_WINDOW_SIZE);
	assert_int_equal(stream_source_events(&w.source, &w.a), 0);
	w.in = close_fd(w.in);
	for (int i = 0; i < 200; i++) {
		ssize_t n = read(w.out, buf, sizeof(buf));

		got += n > 0 ? (size_t)n : 0;
		turn(&w);
	}
	assert_int_equal(got, sent);
	assert_true(w.eof);
	assert_int_equal(w.sink.fd, -1);
	close_wires(&w);
}

/* The reader goes: the source's descriptor is closed, whose writer gets EPIPE. */
static void test_stop(void **state)
{
	struct wires w;

	(void)state;
	open_wires(&w, true);
	w.out = close_fd(w.out);
	assert_int_equal(write(w.in, "x", 1), 1);
	turn(&w);
	turn(&w);
	assert_true(w.stopped);
	assert_int_equal(write(w.in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_true(stream_source_over(&w.source));
	assert_false(w.eof);
	close_wires(&w);
}

/* The same before anything was written, as poll tells by POLLERR. */
static void test_stop_idle(void **state)
{
	struct wires w;

	(void)state;
	open_wires(&w, true);
	stream_sink_stop(&w.sink);
	assert_int_equal(stream_sink_step(&w.sink, &w.b), 0);
	/* what was under way is thrown away */
	assert_int_equal(stream_sink_data(&w.sink, &w.b, (const uint8_t *)"late", 4), 0);
	deliver_a(&w);
	assert_true(w.stopped);
	close_wires(&w);
}

static void test_credit(void **state)
{
	static uint8_t data[WIRE_DATA_MAX];
	struct wires w;
	int r = 0;

	(void)state;
	open_wires(&w, true);
	assert_int_equal(stream_source_grant(&w.source, 1), -EPROTO);
	w.source.credit = 10;
	assert_int_equal(stream_source_grant(&w.source, UINT32_MAX), -EPROTO);
	assert_int_equal(stream_source_grant(&w.source, WIRE_WINDOW_SIZE - 10), 0);
	assert_int_equal(stream_source_grant(&w.source, 1), -EPROTO);
	/* nobody reads: what is not granted is refused, nothing overflows */
	for (int i = 0; i < 20 && r == 0; i++)
		r = stream_sink_data(&w.sink, &w.b, data, sizeof(data));
	assert_int_equal(r, -EPROTO);
	assert_true(w.sink.len <= WIRE_WINDOW_SIZE);
	assert_int_equal(stream_sink_eof(&w.sink), 0);
	assert_int_equal(stream_sink_eof(&w.sink), -EPROTO);
	assert_int_equal(stream_sink_data(&w.sink, &w.b, data, 1), -EPROTO);
	close_wires(&w);
}

/* A process ends while its child keeps the pipe open: what is there comes, and then the end. */
static void test_drain(void **state)
{
	static uint8_t buf[60000];
	struct wires w;
	int r;

	(void)state;
	open_wires(&w, true);
	assert_int_equal(write(w.in, buf, sizeof(buf)), sizeof(buf));
	w.source.credit = 1000;
	r = stream_source_drain(&w.source, &w.a);
	assert_int_equal(r, 1);
	assert_int_equal(write(w.in, "later", 5), 5); /* not of the process that ended */
	assert_int_equal(stream_source_grant(&w.source, WIRE_WINDOW_SIZE - 1000), 0);
	for (int i = 0; i < 10 && r == 1; i++) {
		r = stream_source_drain(&w.source, &w.a);
		deliver_b(&w);
	}
	assert_int_equal(r, 0);
	deliver_b(&w);
	assert_true(w.eof);
	assert_int_equal(read(w.out, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(read(w.out, buf, 1), 0);
	assert_int_equal(stream_source_drain(&w.source, &w.a), 0);
	close_wires(&w);
}

static void test_terminal(void **state)
{
	struct wires w;
	int master, slave, out[2];
	char buf[16];

	(void)state;
	open_link(&w);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(out), 0);
	stream_source_init(&w.source, master, CLIENT, 1, true);
	stream_sink_init(&w.sink, out[1], CLIENT, 1, true);
	w.in = slave;
	w.out = out[0];
	assert_int_equal(write(slave, "hello\n", 6), 6);
	turn(&w);
	w.in = close_fd(w.in);
	for (int i = 0; i < 100 && !w.eof; i++) /* EIO, not 0 */
		turn(&w);
	assert_true(w.eof);
	assert_int_equal(read(w.out, buf, sizeof(buf)), 7);
	assert_memory_equal(buf, "hello\r\n", 7);
	close_wires(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),  cmocka_unit_test(test_transfer_shared),
		cmocka_unit_test(test_no_reader), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_idle), cmocka_unit_test(test_credit),
		cmocka_unit_test(test_drain),     cmocka_unit_test(test_terminal),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
