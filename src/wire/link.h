/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One end of a byte stream of frames: a non-blocking descriptor with a buffer either way. What
 * waits to be sent is bounded by the caller's limit; what is received, by one frame.
 */
#include <poll.h>
#include <stdbool.h>

#include "wire/frame.h"

struct wire_link {
	int fd; /* owned, O_NONBLOCK */
	enum wire_way receives;
	struct wire_buffer {
		uint8_t *data; /* owned; grows as needed, is given back when empty and large */
		size_t start, end, room;
	} in, out;
	size_t out_limit; /* bytes that may wait, headers included */
	bool ended;       /* the other side closed it */
};

/* Streams add no data while so much waits: the rest of out_limit is for other frames. */
#define WIRE_LINK_BUSY (64 << 10)

#define WIRE_LINK_INIT ((struct wire_link){ .fd = -1 })

/* Takes fd (also on failure) and makes it non-blocking. SIGPIPE must be ignored. out_limit: at least
 * WIRE_LINK_BUSY and twice the largest frame sent. */
int wire_link_init(struct wire_link *link, int fd, enum wire_way receives, size_t out_limit,
		   struct error *err);
void wire_link_done(struct wire_link *link);

/* poll(2) events it waits for now: POLLIN unless want_input is false, POLLOUT while output waits. */
short wire_link_events(const struct wire_link *link, bool want_input);
/* Reads once what has come. 0; ended is set at the end. -errno on failure (ECONNRESET is an end). */
int wire_link_receive(struct wire_link *link);
/* The next whole frame: 1, 0 when none is complete, -EPROTO. *ret_body is valid until the next call
 * on the link, NULL without a body. */
int wire_link_next(struct wire_link *link, struct frame *ret, const uint8_t **ret_body);
/* Queues a frame (size is set from body_len) and tries to send. -ENOBUFS when more than out_limit
 * would wait: nothing of it is queued then. -EPIPE when the other side has gone. */
int wire_link_send(struct wire_link *link, enum wire_type type, uint32_t client, uint32_t number,
		   const void *body, size_t body_len);
/* The same without a copy: room for a body of up to max bytes, valid until the next call on the
 * link, NULL where wire_link_send would fail (*ret_r says how); then its frame, with body_len ≤ max
 * bytes there. Not committing is no error. */
uint8_t *wire_link_prepare(struct wire_link *link, size_t max, int *ret_r);
int wire_link_commit(struct wire_link *link, enum wire_type type, uint32_t client, uint32_t number,
		     size_t body_len);
/* Room left below the limit. */
size_t wire_link_room(const struct wire_link *link);
/* Bytes that wait. */
size_t wire_link_waiting(const struct wire_link *link);
/* Writes what the descriptor takes. 0 or -errno. */
int wire_link_flush(struct wire_link *link);

#define _cleanup_wire_link_ _cleanup_(wire_link_done)
