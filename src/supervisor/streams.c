/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "supervisor/supervisor.h"

static enum log_stream log_stream_of(const struct stream *stream)
{
	return stream->type == ATTACH_ERROR_OUTPUT ? LOG_STDERR : LOG_STDOUT;
}

/* To all that are waiting for it, as far as they take it at once. */
void stream_send(struct supervisor *s, struct stream *stream)
{
	for (size_t i = s->clients_len; i-- > 0;) {
		struct client *client = &s->clients[i];
		uint64_t bit = UINT64_C(1) << i;
		int r;

		if (!(stream->pending & bit))
			continue;
		r = attach_send(client->sock, stream->type, stream->data, stream->len,
				MSG_DONTWAIT);
		if (r == -EAGAIN) {
			if (client->stalled_at == 0)
				client->stalled_at = clock_ms();
			continue;
		}
		client->stalled_at = 0;
		stream->pending &= ~bit;
		if (r < 0)
			client->streams &= ~(ATTACH_STDOUT | ATTACH_STDERR);
	}
	if (stream->pending == 0)
		stream->len = 0;
}

static void send_new(struct supervisor *s, struct stream *stream)
{
	for (size_t i = 0; i < s->clients_len; i++)
		if (s->clients[i].streams & stream->flag)
			stream->pending |= UINT64_C(1) << i;
	stream_send(s, stream);
}

/* > 0: bytes; 0: over; -EAGAIN. */
static ssize_t read_some(struct stream *stream, void *data, size_t size)
{
	ssize_t n;

	do
		n = read(stream->fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	/* EIO of a terminal: nobody has it open any more. */
	if (n <= 0)
		stream->fd = close_fd(stream->fd);
	return n > 0 ? n : 0;
}

void stream_read(struct supervisor *s, struct stream *stream)
{
	ssize_t n = read_some(stream, stream->data, sizeof(stream->data));

	if (n <= 0)
		return;
	log_file_write(&s->log, log_stream_of(stream), (const char *)stream->data, (size_t)n);
	stream->len = (size_t)n;
	send_new(s, stream);
}

void stream_drain(struct supervisor *s, struct stream *stream)
{
	size_t room = 0;

	while (stream->fd >= 0 && stream->rest_len < REST_MAX) {
		ssize_t n;

		if (stream->rest_len + ATTACH_DATA_MAX > room) {
			char *more = realloc(stream->rest, room + 4 * ATTACH_DATA_MAX);

			if (!more)
				break;
			stream->rest = more;
			room += 4 * ATTACH_DATA_MAX;
		}
		n = read_some(stream, stream->rest + stream->rest_len, ATTACH_DATA_MAX);
		if (n <= 0)
			break;
		log_file_write(&s->log, log_stream_of(stream), stream->rest + stream->rest_len,
			       (size_t)n);
		stream->rest_len += (size_t)n;
	}
	stream->fd = close_fd(stream->fd);
}

/* true: there is more for somebody. */
static bool deliver_more(struct supervisor *s, struct stream *stream)
{
	while (stream->len == 0 && stream->rest_at < stream->rest_len) {
		size_t n = stream->rest_len - stream->rest_at;

		if (n > sizeof(stream->data))
			n = sizeof(stream->data);
		memcpy(stream->data, stream->rest + stream->rest_at, n);
		stream->rest_at += n;
		stream->len = n;
		send_new(s, stream);
	}
	return stream->len > 0;
}

bool streams_flush(struct supervisor *s)
{
	bool more = false;

	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++)
		more |= deliver_more(s, &s->out[i]);
	return !more;
}

void streams_deliver(struct supervisor *s)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	bool ended;

	while (!streams_flush(s))
		if (loop_step(s, false, -1, &ended, &ignored) < 0)
			return;
}

void streams_close(struct supervisor *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++) {
		struct stream *stream = &s->out[i];

		stream->fd = close_fd(stream->fd);
		free(TAKE_PTR(stream->rest));
		stream->len = stream->rest_len = stream->rest_at = 0;
		stream->pending = 0;
	}
	s->in.fd = close_fd(s->in.fd);
	s->in.len = s->in.at = 0;
	s->in.over = false;
}
