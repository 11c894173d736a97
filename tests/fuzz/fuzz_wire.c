/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes over the wire: the first byte chooses the way and how the rest is cut into reads; the
 * bodies of the frames go where the receiver's go.
 */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/message.h"
#include "wire/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const void *body, size_t len)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *result = message_parse(body, len, &err);

	if (!result == !err.code)
		abort();
	for (const char *text = error_text(&err); *text; text++)
		if (!isprint((unsigned char)*text))
			abort();
	json_decref(result);
}

static int take(struct wire_link *link, struct stream_sink *sink, struct stream_source *source,
		const struct frame *frame, const uint8_t *body)
{
	uint32_t grant;

	if (!frame->size != !body)
		abort();
	switch (frame->type) {
	case WIRE_DATA:
		return stream_sink_data(sink, link, body, frame->size);
	case WIRE_EOF:
		return stream_sink_eof(sink);
	case WIRE_WINDOW:
		memcpy(&grant, body, sizeof(grant));
		if (stream_source_grant(source, grant) < 0)
			return -1;
		source->credit = source->credit / 2;
		return 0;
	case WIRE_STOP:
		stream_source_stop(source);
		return 0;
	default:
		if (body)
			check_message(body, frame->size);
		return 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_link link;
	struct stream_sink sink;
	struct stream_source source;
	struct error err = ERROR_INIT;
	size_t cut;
	int fds[2], out[2], r = 0;

	if (size < 1 || size > 60000)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	cut = data[0] >> 1 ? (size_t)(data[0] >> 1) : size;
	check_message(data + 1, size - 1);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || pipe(out) < 0)
		abort();
	if (wire_link_init(&link, fds[0], data[0] & 1, 256 << 10, &err) < 0)
		abort();
	stream_sink_init(&sink, out[1], 0, 1, true);
	stream_source_init(&source, dup(out[0]), 0, 1, true);
	for (size_t at = 1; at < size && r >= 0; at += cut) {
		size_t n = size - at < cut ? size - at : cut;
		const uint8_t *body;
		struct frame frame;

		if (write(fds[1], data + at, n) != (ssize_t)n)
			abort();
		r = wire_link_receive(&link);
		while (r >= 0 && (r = wire_link_next(&link, &frame, &body)) == 1)
			r = take(&link, &sink, &source, &frame, body);
		if (r >= 0)
			r = stream_sink_step(&sink, &link);
		if (r >= 0 && stream_source_events(&source, &link))
			r = stream_source_step(&source, &link);
		if (sink.len > WIRE_WINDOW_SIZE || source.credit > WIRE_WINDOW_SIZE)
			abort();
	}
	stream_sink_done(&sink);
	stream_source_done(&source);
	wire_link_done(&link);
	close(fds[1]);
	close(out[0]);
	return 0;
}
