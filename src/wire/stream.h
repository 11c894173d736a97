/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One descriptor of a process's stdio over a link, in one direction, with credit: the sender may
 * have WIRE_WINDOW_SIZE bytes under way, more when the receiver grants it. Used by vmproc and by the
 * agent, one as the sender and the other as the receiver of each stream. A reader that does not
 * read stops the writer behind it, nothing else.
 */
#include "wire/link.h"

/* Local descriptor → link. */
struct stream_source {
	int fd; /* owned; -1: over */
	uint32_t client, number;
	uint32_t credit;
	bool nonblocking; /* fd may be read until EAGAIN; else one read after each POLLIN */
	bool eof_sent;
};

/* Link → local descriptor. */
struct stream_sink {
	int fd; /* owned; -1: over */
	uint32_t client, number;
	uint8_t *ring; /* owned, WIRE_WINDOW_SIZE, made with the first data */
	size_t start, len;
	uint32_t owed;     /* written, not yet granted again */
	bool eof_received; /* close fd when the ring is empty */
	bool stop_sent;
};

void stream_source_init(struct stream_source *s, int fd, uint32_t client, uint32_t number,
			bool nonblocking);
void stream_source_done(struct stream_source *s);
/* Events to poll its fd for: 0 without credit, without room in the link, or when it is over. */
short stream_source_events(const struct stream_source *s, const struct wire_link *link);
/* After poll: reads and queues DATA, or EOF at the end. A pty's EIO is an end. 0 or the link's
 * -errno. */
int stream_source_step(struct stream_source *s, struct wire_link *link);
/* What is in the descriptor at this moment, as far as credit goes; for a process that has ended
 * while others keep its output open. 1: more is there but credit or room is not. */
int stream_source_drain(struct stream_source *s, struct wire_link *link);
/* A WINDOW or STOP frame came for it: -EPROTO where the grant overflows. */
int stream_source_grant(struct stream_source *s, uint32_t bytes);
void stream_source_stop(struct stream_source *s);

void stream_sink_init(struct stream_sink *s, int fd, uint32_t client, uint32_t number);
void stream_sink_done(struct stream_sink *s);
/* POLLOUT while data waits. */
short stream_sink_events(const struct stream_sink *s);
/* A DATA frame: kept, and written as far as it goes. -EPROTO: more than was granted. */
int stream_sink_data(struct stream_sink *s, struct wire_link *link, const uint8_t *data,
		     size_t len);
void stream_sink_eof(struct stream_sink *s);
/* After poll: writes what the descriptor takes without blocking (at most PIPE_BUF where fd itself
 * is blocking), grants credit; a reader that has gone sends STOP. 0 or the link's -errno. */
int stream_sink_step(struct stream_sink *s, struct wire_link *link, bool fd_nonblocking);
/* Nothing waits to be written. */
bool stream_sink_idle(const struct stream_sink *s);
