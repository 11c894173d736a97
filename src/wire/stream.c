/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/stream.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

/* A source that is always ready gives others their turn after so many frames. */
#define READS_A_STEP 4
/* Written and not granted again: half a window, so that neither side waits for the other. */
#define OWED_MAX (WIRE_WINDOW_SIZE / 2)
/* A terminal does not say how much it holds; its buffer has 64 KiB and the line's 4. */
#define TERMINAL_DRAIN (128 << 10)

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static bool is_ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) > 0;
}

/* Never waits for a reader: the kernel's own reading or writing of the disk at most. */
static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/*
 * One read or write that does not block although the descriptor does. O_NONBLOCK belongs to the
 * open file, which others share, so it stays as it is: a socket has a flag for the call, a pipe too
 * since Linux 6.4, and for the rest poll(2) says that one byte, or PIPE_BUF, will not block.
 */
static ssize_t transfer_now(int fd, void *data, size_t len, bool out)
{
	struct iovec iov = { data, len };
	ssize_t n;

	n = out ? send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)
		: recv(fd, data, len, MSG_DONTWAIT);
	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (is_file(fd))
		return out ? write(fd, data, len) : read(fd, data, len);
	n = out ? pwritev2(fd, &iov, 1, -1, RWF_NOWAIT) : preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
	if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return n;
	if (!is_ready(fd, out ? POLLOUT : POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	if (out && len > PIPE_BUF)
		len = PIPE_BUF;
	return out ? write(fd, data, len) : read(fd, data, len);
}

static ssize_t read_now(int fd, bool nonblocking, uint8_t *data, size_t len)
{
	ssize_t n;

	do
		n = nonblocking ? read(fd, data, len) : transfer_now(fd, data, len, false);
	while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t write_now(int fd, bool nonblocking, uint8_t *data, size_t len)
{
	ssize_t n;

	do
		n = nonblocking ? write(fd, data, len) : transfer_now(fd, data, len, true);
	while (n < 0 && errno == EINTR);
	return n;
}

void stream_source_init(struct stream_source *s, int fd, uint32_t client, uint32_t number,
			bool nonblocking)
{
	*s = (struct stream_source){ .fd = fd,
				     .client = client,
				     .number = number,
				     .credit = WIRE_WINDOW_SIZE,
				     .nonblocking = nonblocking,
				     .eof_sent = fd < 0 };
	if (nonblocking && fd >= 0)
		set_nonblocking(fd);
}

void stream_source_done(struct stream_source *s)
{
	s->fd = close_fd(s->fd);
	s->eof_sent = true;
}

short stream_source_events(const struct stream_source *s, const struct wire_link *link)
{
	if (s->fd < 0 || !s->credit || wire_link_waiting(link) >= WIRE_LINK_BUSY)
		return 0;
	return POLLIN;
}

bool stream_source_over(const struct stream_source *s)
{
	return s->eof_sent;
}

static int source_end(struct stream_source *s, struct wire_link *link)
{
	int r;

	s->fd = close_fd(s->fd);
	if (s->eof_sent)
		return 0;
	r = wire_link_send(link, WIRE_EOF, s->client, s->number, NULL, 0);
	if (r == -ENOBUFS)
		return 0;
	s->eof_sent = true;
	return r;
}

/* One frame: 1 queued; 0 nothing there now, or not sent for want of credit or room; -ENODATA: the
 * end of the descriptor; or the link's error. */
static int source_read(struct stream_source *s, struct wire_link *link, size_t max)
{
	uint8_t *data;
	ssize_t n;
	int r;

	if (!s->credit || wire_link_waiting(link) >= WIRE_LINK_BUSY)
		return 0;
	max = max < s->credit ? max : s->credit;
	data = wire_link_prepare(link, max, &r);
	if (!data)
		return r == -ENOBUFS ? 0 : r;
	n = read_now(s->fd, s->nonblocking, data, max);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) /* EIO: the other side of a terminal is closed */
		return -ENODATA;
	s->credit -= (uint32_t)n;
	r = wire_link_commit(link, WIRE_DATA, s->client, s->number, (size_t)n);
	return r < 0 ? r : 1;
}

int stream_source_step(struct stream_source *s, struct wire_link *link)
{
	int r = 1;

	if (s->fd < 0)
		return source_end(s, link);
	for (int i = 0; r == 1 && i < (s->nonblocking ? READS_A_STEP : 1); i++)
		r = source_read(s, link, WIRE_DATA_MAX);
	if (r == -ENODATA)
		return source_end(s, link);
	return r < 0 ? r : 0;
}

int stream_source_drain(struct stream_source *s, struct wire_link *link)
{
	int r = 1, there = 0;

	if (!s->draining) {
		struct termios termios;

		s->draining = true;
		if (s->fd >= 0 && tcgetattr(s->fd, &termios) == 0)
			s->drain = TERMINAL_DRAIN;
		else if (s->fd >= 0 && ioctl(s->fd, FIONREAD, &there) == 0 && there > 0)
			s->drain = (size_t)there;
	}
	while (s->fd >= 0 && s->drain && r == 1) {
		uint32_t before = s->credit;

		if (!before || wire_link_waiting(link) >= WIRE_LINK_BUSY)
			return 1;
		r = source_read(s, link, s->drain < WIRE_DATA_MAX ? s->drain : WIRE_DATA_MAX);
		s->drain -= before - s->credit;
	}
	if (r < 0 && r != -ENODATA)
		return r;
	r = source_end(s, link);
	return r < 0 ? r : !s->eof_sent;
}

int stream_source_grant(struct stream_source *s, uint32_t bytes)
{
	if (bytes > WIRE_WINDOW_SIZE - s->credit)
		return -EPROTO;
	s->credit += bytes;
	return 0;
}

void stream_source_stop(struct stream_source *s)
{
	stream_source_done(s);
}

void stream_sink_init(struct stream_sink *s, int fd, uint32_t client, uint32_t number,
		      bool nonblocking)
{
	*s = (struct stream_sink){
		.fd = fd, .client = client, .number = number, .nonblocking = nonblocking
	};
	if (nonblocking && fd >= 0)
		set_nonblocking(fd);
}

void stream_sink_done(struct stream_sink *s)
{
	s->fd = close_fd(s->fd);
	free(s->ring);
	s->ring = NULL;
	s->start = s->len = 0;
}

short stream_sink_events(const struct stream_sink *s)
{
	return s->fd >= 0 && s->len ? POLLOUT : 0;
}

bool stream_sink_idle(const struct stream_sink *s)
{
	return !s->len;
}

void stream_sink_stop(struct stream_sink *s)
{
	s->owed += (uint32_t)s->len;
	if (!s->eof_received)
		s->stop_due = true;
	stream_sink_done(s);
}

/* Writes data as far as it goes; the bytes that need not be kept. */
static size_t sink_write(struct stream_sink *s, uint8_t *data, size_t len)
{
	ssize_t n;

	if (s->held)
		return 0;
	n = s->fd < 0 ? (ssize_t)len : write_now(s->fd, s->nonblocking, data, len);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0) { /* nobody reads any more, or never will */
		stream_sink_stop(s);
		return len;
	}
	return (size_t)n;
}

/* What is owed and due. Without room in the link it stays so. */
static int sink_report(struct stream_sink *s, struct wire_link *link)
{
	uint32_t grant = htole32(s->owed);
	int r;

	if (s->stop_due && !s->stop_sent) {
		r = wire_link_send(link, WIRE_STOP, s->client, s->number, NULL, 0);
		if (r < 0)
			return r == -ENOBUFS ? 0 : r;
		s->stop_sent = true;
	}
	if (s->stop_sent || s->eof_received || s->owed < OWED_MAX)
		return 0;
	r = wire_link_send(link, WIRE_WINDOW, s->client, s->number, &grant, sizeof(grant));
	if (r < 0)
		return r == -ENOBUFS ? 0 : r;
	s->owed = 0;
	return 0;
}

static int ring_put(struct stream_sink *s, const uint8_t *data, size_t len)
{
	size_t end = (s->start + s->len) % WIRE_WINDOW_SIZE, first = WIRE_WINDOW_SIZE - end;

	if (!s->ring)
		s->ring = malloc(WIRE_WINDOW_SIZE);
	if (!s->ring)
		return -ENOMEM;
	first = first < len ? first : len;
	memcpy(s->ring + end, data, first);
	memcpy(s->ring, data + first, len - first);
	s->len += len;
	return 0;
}

int stream_sink_data(struct stream_sink *s, struct wire_link *link, const uint8_t *data, size_t len)
{
	size_t n = 0;

	if (s->eof_received || len > WIRE_WINDOW_SIZE - s->len - s->owed)
		return -EPROTO;
	if (!s->len) { /* usually all of it: no copy is made then */
		n = sink_write(s, (uint8_t *)data, len);
		s->owed += (uint32_t)n;
	}
	if (n < len && ring_put(s, data + n, len - n) < 0)
		return -ENOMEM;
	return sink_report(s, link);
}

int stream_sink_eof(struct stream_sink *s)
{
	if (s->eof_received)
		return -EPROTO;
	s->eof_received = true;
	if (!s->len && !s->held)
		stream_sink_done(s);
	return 0;
}

int stream_sink_step(struct stream_sink *s, struct wire_link *link)
{
	while (s->len) {
		size_t first = WIRE_WINDOW_SIZE - s->start, n;

		first = first < s->len ? first : s->len;
		n = sink_write(s, s->ring + s->start, first);
		if (!s->ring) /* the reader has gone */
			break;
		s->start = (s->start + n) % WIRE_WINDOW_SIZE;
		s->len -= n;
		s->owed += (uint32_t)n;
		if (n < first)
			break;
	}
	if (!s->len && !s->held && (s->ring || s->eof_received)) {
		int fd = s->eof_received ? -1 : TAKE_FD(s->fd);

		/* What holds a window's worth is not kept for streams that rest. */
		stream_sink_done(s);
		s->fd = fd;
	}
	return sink_report(s, link);
}
