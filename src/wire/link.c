/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A buffer of this size takes two frames of data; larger ones are given back when empty. */
#define ROOM_KEPT (64 << 10)

int wire_link_init(struct wire_link *link, int fd, enum wire_way receives, size_t out_limit,
		   struct error *err)
{
	int flags = fcntl(fd, F_GETFL);

	*link = (struct wire_link){ .fd = fd, .receives = receives, .out_limit = out_limit };
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int r = error_sys(err, errno, "making a connection non-blocking");

		wire_link_done(link);
		return r;
	}
	return 0;
}

void wire_link_done(struct wire_link *link)
{
	free(link->in.data);
	free(link->out.data);
	(void)close_fd(link->fd);
	*link = WIRE_LINK_INIT;
}

/* Space for len bytes behind end, by moving what there is to the front or by growing. */
static int buffer_reserve(struct wire_buffer *b, size_t len)
{
	size_t used = b->end - b->start, room;
	uint8_t *data;

	if (b->room - b->end >= len)
		return 0;
	if (b->room >= used + len) {
		memmove(b->data, b->data + b->start, used);
	} else {
		room = used + len > ROOM_KEPT ? used + len : ROOM_KEPT;
		/* A buffer that grows by every frame would be copied for every frame. */
		if (b->room && room < 2 * b->room)
			room = 2 * b->room;
		data = malloc(room);
		if (!data)
			return -ENOMEM;
		if (used)
			memcpy(data, b->data + b->start, used);
		free(b->data);
		b->data = data;
		b->room = room;
	}
	b->start = 0;
	b->end = used;
	return 0;
}

static void buffer_consume(struct wire_buffer *b, size_t len)
{
	b->start += len;
	if (b->start < b->end)
		return;
	b->start = b->end = 0;
	if (b->room > ROOM_KEPT) {
		free(b->data);
		*b = (struct wire_buffer){ 0 };
	}
}

short wire_link_events(const struct wire_link *link, bool want_input)
{
	return (short)((want_input && !link->ended ? POLLIN : 0) |
		       (link->out.end > link->out.start ? POLLOUT : 0));
}

int wire_link_receive(struct wire_link *link)
{
	struct wire_buffer *in = &link->in;
	size_t used = in->end - in->start, want = 2 * (WIRE_HEADER + WIRE_DATA_MAX);
	struct frame frame;
	ssize_t n;
	int r;

	/* The rest of the frame that has begun, in one buffer; otherwise what there is. */
	if (used >= WIRE_HEADER) {
		r = frame_decode(in->data + in->start, link->receives, &frame);
		if (r < 0)
			return r;
		if (frame.size + WIRE_HEADER <= used)
			return 0; /* the caller has not taken it yet */
		want = frame.size + WIRE_HEADER > want ? frame.size + WIRE_HEADER : want;
	}
	r = buffer_reserve(in, want - (used < want ? used : want));
	if (r < 0)
		return r;
	do
		n = read(link->fd, in->data + in->end, in->room - in->end);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		link->ended = true;
		return 0;
	}
	if (n < 0)
		return -errno;
	in->end += (size_t)n;
	return 0;
}

int wire_link_next(struct wire_link *link, struct frame *ret, const uint8_t **ret_body)
{
	struct wire_buffer *in = &link->in;
	struct frame frame;
	int r;

	if (in->start == in->end)
		buffer_consume(in, 0); /* the body of the last call is over */
	if (in->end - in->start < WIRE_HEADER)
		return 0;
	r = frame_decode(in->data + in->start, link->receives, &frame);
	if (r < 0)
		return r;
	if (in->end - in->start - WIRE_HEADER < frame.size)
		return 0;
	*ret = frame;
	*ret_body = frame.size ? in->data + in->start + WIRE_HEADER : NULL;
	in->start += WIRE_HEADER + frame.size;
	return 1;
}

size_t wire_link_waiting(const struct wire_link *link)
{
	return link->out.end - link->out.start;
}

size_t wire_link_room(const struct wire_link *link)
{
	size_t waiting = wire_link_waiting(link);

	return waiting < link->out_limit ? link->out_limit - waiting : 0;
}

int wire_link_flush(struct wire_link *link)
{
	struct wire_buffer *out = &link->out;

	while (out->end > out->start) {
		ssize_t n = write(link->fd, out->data + out->start, out->end - out->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (n == 0)
			return 0;
		buffer_consume(out, (size_t)n);
	}
	return 0;
}

uint8_t *wire_link_prepare(struct wire_link *link, size_t max, int *ret_r)
{
	*ret_r = -ENOBUFS;
	if (wire_link_room(link) < WIRE_HEADER + max)
		return NULL;
	*ret_r = buffer_reserve(&link->out, WIRE_HEADER + max);
	return *ret_r < 0 ? NULL : link->out.data + link->out.end + WIRE_HEADER;
}

int wire_link_commit(struct wire_link *link, enum wire_type type, uint32_t client, uint32_t number,
		     size_t body_len)
{
	const struct frame frame = { type, (uint32_t)body_len, client, number };

	frame_encode(&frame, link->out.data + link->out.end);
	link->out.end += WIRE_HEADER + body_len;
	return wire_link_flush(link);
}

int wire_link_send(struct wire_link *link, enum wire_type type, uint32_t client, uint32_t number,
		   const void *body, size_t body_len)
{
	uint8_t *room;
	int r;

	if (body_len > WIRE_REQUEST_MAX)
		return -EMSGSIZE;
	room = wire_link_prepare(link, body_len, &r);
	if (!room)
		return r;
	if (body_len)
		memcpy(room, body, body_len);
	return wire_link_commit(link, type, client, number, body_len);
}
