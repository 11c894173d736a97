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
	bool eof_sent;    /* or the receiver wants no more: nothing else will be sent */
	bool draining;    /* stream_source_drain has begun; */
	size_t drain;     /* bytes it still has to read */
};

/* Link → local descriptor. */
struct stream_sink {
	int fd; /* owned; -1: over */
	uint32_t client, number;
	uint8_t *ring; /* owned, WIRE_WINDOW_SIZE, made with the first data */
	size_t start, len;
	uint32_t owed;     /* written, not yet granted again */
	bool nonblocking;  /* fd itself is; else what its reader shares is left as it is */
	bool held;         /* fd is still to come: what is received is kept */
	bool eof_received; /* close fd when the ring is empty */
	bool stop_due;     /* the reader has gone: STOP when the link has room */
	bool stop_sent;
};

/* Takes fd. nonblocking: O_NONBLOCK is set on it; a descriptor shared with others stays as it is. */
void stream_source_init(struct stream_source *s, int fd, uint32_t client, uint32_t number,
			bool nonblocking);
void stream_source_done(struct stream_source *s);
/* Events to poll its fd for: 0 without credit, without room in the link, or when it is over. With
 * fd closed and EOF not sent for want of room, step is to be called when the link has some. */
short stream_source_events(const struct stream_source *s, const struct wire_link *link);
/* After poll said POLLIN, POLLHUP or POLLERR: reads and queues DATA, or EOF at the end. A pty's EIO
 * is an end. 0 or the link's -errno. */
int stream_source_step(struct stream_source *s, struct wire_link *link);
/* What is in the descriptor at this moment (at the first call), as far as credit and room go, then
 * EOF; for a process that has ended while others keep its output open. fd must be nonblocking.
 * 0: all is sent and EOF is; 1: to be called again after credit or room came; or -errno. */
int stream_source_drain(struct stream_source *s, struct wire_link *link);
/* A WINDOW frame came for it: -EPROTO where the grant overflows. */
int stream_source_grant(struct stream_source *s, uint32_t bytes);
/* A STOP frame came: fd is closed, so that who writes there learns of it. */
void stream_source_stop(struct stream_source *s);
/* Nothing more will be sent. */
bool stream_source_over(const struct stream_source *s);

/* Takes fd; nonblocking as above. SIGPIPE must be ignored. fd -1: what comes is thrown away. */
void stream_sink_init(struct stream_sink *s, int fd, uint32_t client, uint32_t number,
		      bool nonblocking);
void stream_sink_done(struct stream_sink *s);
/* POLLOUT while data waits. */
short stream_sink_events(const struct stream_sink *s);
/* A DATA frame: kept, and written as far as it goes. -EPROTO: more than was granted, or after EOF.
 * Never blocks. */
int stream_sink_data(struct stream_sink *s, struct wire_link *link, const uint8_t *data,
		     size_t len);
/* An EOF frame: fd is closed when all is written. -EPROTO: the second one. */
int stream_sink_eof(struct stream_sink *s);
/* At any time: writes what the descriptor takes without blocking, grants credit; a reader that has
 * gone sends STOP, and what comes still is thrown away. 0 or the link's -errno. */
int stream_sink_step(struct stream_sink *s, struct wire_link *link);
/* The reader has gone, as poll(2) says by POLLERR on fd: what waits is thrown away, STOP is due at the
 * next step. */
void stream_sink_stop(struct stream_sink *s);
/* Nothing waits to be written. */
bool stream_sink_idle(const struct stream_sink *s);
