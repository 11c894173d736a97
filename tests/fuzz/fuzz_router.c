/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmwp's router between a guest and clients that send anything. The input is a list of steps: who
 * (the agent, a client, a new or a leaving one), what (bytes as they are, or a frame of small fields
 * so that more than the header's check is reached). What comes out on either side must be frames that
 * belong there, and HELLO first; what the guest is told must name a client.
 */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmwp/router.h"

#define PEERS 5 /* the agent, and four clients at most */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	int fd;
	uint8_t *in;
	size_t len;
	bool seen;
};

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static void check_frame(bool agent, struct peer *peer, const struct frame *frame)
{
	if (!peer->seen && frame->type != WIRE_HELLO && frame->type != WIRE_END)
		abort();
	if (agent && (frame->type == WIRE_HELLO) != (frame->client == 0))
		abort();
	if (!agent && (frame->client != 0 || frame->type == WIRE_GONE))
		abort();
	peer->seen = true;
}

/* Takes whole frames off what has come. */
static void read_peer(bool agent, struct peer *peer)
{
	static uint8_t chunk[65536];
	struct frame frame;
	ssize_t n;

	while (peer->fd >= 0 && (n = recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		peer->in = realloc(peer->in, peer->len + (size_t)n);
		memcpy(peer->in + peer->len, chunk, (size_t)n);
		peer->len += (size_t)n;
	}
	while (peer->len >= WIRE_HEADER) {
		if (frame_decode(peer->in, agent ? WIRE_TO_GUEST : WIRE_TO_HOST, &frame) < 0)
			abort();
		if (peer->len < WIRE_HEADER + frame.size)
			break;
		check_frame(agent, peer, &frame);
		peer->len -= WIRE_HEADER + frame.size;
		memmove(peer->in, peer->in + WIRE_HEADER + frame.size, peer->len);
	}
}

static void send_frame(struct peer *peer, struct input *in)
{
	uint8_t out[WIRE_HEADER + 255];
	struct frame frame = { .type = next(in), .client = next(in), .number = next(in) };

	frame.size = next(in);
	frame_encode(&frame, out);
	for (size_t i = 0; i < frame.size; i++)
		out[WIRE_HEADER + i] = next(in);
	(void)!send(peer->fd, out, WIRE_HEADER + frame.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_hello(struct peer *agent)
{
	static const char text[] = "{\"protocol\":1,\"minimum\":1,\"kernel\":\"6\"}";
	const struct frame frame = { .type = WIRE_HELLO, .size = sizeof(text) - 1 };
	uint8_t out[WIRE_HEADER + sizeof(text) - 1];

	frame_encode(&frame, out);
	memcpy(out + WIRE_HEADER, text, sizeof(text) - 1);
	(void)!send(agent->fd, out, sizeof(out), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void open_client(struct router *router, struct peer *peer)
{
	int fds[2];

	if (peer->fd >= 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return;
	router_add_client(router, fds[0]);
	*peer = (struct peer){ .fd = fds[1] };
}

static void close_peer(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->in);
	*peer = (struct peer){ .fd = -1 };
}

static void act(struct router *router, struct peer *peers, struct input *in)
{
	uint8_t op = next(in);
	struct peer *peer = &peers[(op >> 4) % PEERS];
	bool agent = peer == peers;
	size_t len;

	switch (op & 7) {
	case 0:
	case 1:
		if (peer->fd >= 0)
			send_frame(peer, in);
		else if (!agent)
			open_client(router, peer);
		break;
	case 2: /* bytes */
		len = next(in);
		len = len < in->size ? len : in->size;
		if (peer->fd >= 0)
			(void)!send(peer->fd, in->data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		in->data += len;
		in->size -= len;
		break;
	case 3:
		if (!agent)
			close_peer(peer);
		break;
	case 4:
		if (peer->fd >= 0)
			(void)shutdown(peer->fd, SHUT_WR);
		break;
	case 5:
		if (agent)
			send_hello(peer);
		break;
	default:
		read_peer(agent, peer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct peer peers[PEERS] = {
		{ .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 }
	};
	struct pollfd fds[ROUTER_POLLFDS];
	struct error err = ERROR_INIT;
	struct router router;
	int pair[2], r = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	peers[0].fd = pair[1];
	if (router_init(&router, pair[0], "qemu", "tcg", &err) < 0)
		abort();
	if (next(&in) & 1)
		send_hello(&peers[0]);
	while (r == 0 && in.size > 0) {
		act(&router, peers, &in);
		(void)poll(fds, router_poll(&router, fds), 0);
		r = router_step(&router, fds, &err);
	}
	/* Words for everything but the end of the connection; words that may be shown. */
	if ((r < 0 && r != -ECONNRESET) != (err.code != 0))
		abort();
	for (const char *text = error_text(&err); err.code && *text; text++)
		if (!isprint((unsigned char)*text))
			abort();
	router_end(&router, err.code ? error_text(&err) : "the end", 0);
	for (size_t i = 0; i < PEERS; i++) {
		read_peer(i == 0, &peers[i]);
		close_peer(&peers[i]);
	}
	router_done(&router);
	error_done(&err);
	return 0;
}
