/* SPDX-License-Identifier: Apache-2.0 */
#include "vmwp/router.h"

#include <endian.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

#define AGENT_SLACK ((size_t)512 << 10)
/* Every client that the agent knows may go while nothing else fits any more. */
#define GONE_RESERVE ((size_t)ROUTER_CLIENTS_MAX * WIRE_HEADER)
#define REQUEST_ROOM ((size_t)WIRE_REQUEST_MAX + WIRE_HEADER + GONE_RESERVE)
#define AGENT_LIMIT (REQUEST_ROOM + AGENT_SLACK)
/* Two streams' windows, in frames as short as they like to be, an answer, and some events. */
#define CLIENT_LIMIT ((size_t)4 * WIRE_WINDOW_SIZE + WIRE_RESPONSE_MAX + (64 << 10))
#define HELLO_MAX 4096
#define KERNEL_VERSION_MAX 128
#define UNANSWERED_MAX 16

int router_init(struct router *router, int agent_fd, const char *monitor, const char *accelerator,
		struct error *err)
{
	*router = (struct router){ .agent = WIRE_LINK_INIT,
				   .next_number = 1,
				   .monitor = monitor,
				   .accelerator = accelerator };
	return wire_link_init(&router->agent, agent_fd, WIRE_TO_HOST, AGENT_LIMIT, err);
}

static void client_free(struct router_client *client)
{
	wire_link_done(&client->link);
	free(client);
}

void router_done(struct router *router)
{
	for (size_t i = 0; i < router->clients_len; i++)
		client_free(router->clients[i]);
	wire_link_done(&router->agent);
	free(router->hello);
	*router = (struct router){ .agent = WIRE_LINK_INIT };
}

bool router_is_up(const struct router *router)
{
	return router->hello != NULL;
}

static int broken(struct error *err, const char *what)
{
	return error_set(err, EPROTO, "the guest's agent broke the protocol (%s)", what);
}

static void send_client(struct router_client *client, const struct frame *frame,
			const uint8_t *body)
{
	/* Whatever fails, it is this client's: it has gone, or does not read what it asked for. */
	if (wire_link_send(&client->link, frame->type, 0, frame->number, body, frame->size) < 0)
		client->over = true;
}

static void send_hello(const struct router *router, struct router_client *client)
{
	const struct frame frame = { .type = WIRE_HELLO, .size = (uint32_t)strlen(router->hello) };

	send_client(client, &frame, (const uint8_t *)router->hello);
}

void router_add_client(struct router *router, int fd)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct router_client *client = NULL;

	if (router->clients_len < ROUTER_CLIENTS_MAX)
		client = calloc(1, sizeof(*client));
	if (!client) {
		(void)close_fd(fd);
		return;
	}
	if (wire_link_init(&client->link, fd, WIRE_TO_GUEST, CLIENT_LIMIT, &err) < 0) {
		free(client);
		return;
	}
	client->number = router->next_number++;
	client->credit[1] = client->credit[2] = WIRE_WINDOW_SIZE;
	router->clients[router->clients_len++] = client;
	if (router_is_up(router))
		send_hello(router, client);
}

static bool agent_has_room(const struct router *router)
{
	return router_is_up(router) && wire_link_room(&router->agent) >= REQUEST_ROOM;
}

static bool wants_input(const struct router *router, const struct router_client *client)
{
	return agent_has_room(router) && client->unanswered < UNANSWERED_MAX;
}

size_t router_poll(const struct router *router, struct pollfd fds[ROUTER_POLLFDS])
{
	fds[0] = (struct pollfd){ .fd = router->agent.fd,
				  .events = wire_link_events(&router->agent, true) };
	for (size_t i = 0; i < router->clients_len; i++) {
		const struct router_client *client = router->clients[i];

		fds[1 + i] = (struct pollfd){
			.fd = client->link.fd,
			.events = wire_link_events(&client->link, wants_input(router, client)),
		};
	}
	return 1 + router->clients_len;
}

/* What the agent says of itself → what clients are told. */
static int read_hello(struct router *router, const uint8_t *body, size_t size, int *ret_protocol,
		      struct error *err)
{
	json_t *hello = json_loadb((const char *)body, size, 0, NULL);
	const char *kernel = json_string_value(json_object_get(hello, "kernel"));
	json_int_t highest = json_integer_value(json_object_get(hello, "protocol"));
	json_int_t lowest = json_integer_value(json_object_get(hello, "minimum"));
	char version[JSON_PRINTABLE_SIZE];
	json_t *told;
	int r = 0;

	if (!json_is_object(hello) || !kernel || strlen(kernel) > KERNEL_VERSION_MAX ||
	    lowest < 1 || highest < lowest) {
		r = broken(err, "its HELLO is none");
	} else if (lowest > WIRE_PROTOCOL) {
		r = error_set(err, EPROTO,
			      "the guest's agent speaks protocol %lld and up, vmwp %d at most: the "
			      "initramfs and vmwp are of different versions",
			      (long long)lowest, WIRE_PROTOCOL);
	} else {
		*ret_protocol = highest < WIRE_PROTOCOL ? (int)highest : WIRE_PROTOCOL;
		told = json_pack("{s:i,s:I,s:s,s:s,s:s}", "protocol", *ret_protocol, "minimum",
				 lowest, "kernel", json_printable(kernel, version), "monitor",
				 router->monitor, "accelerator", router->accelerator);
		router->hello = told ? json_dumps(told, JSON_COMPACT) : NULL;
		json_decref(told);
		if (!router->hello)
			r = error_oom(err);
	}
	json_decref(hello);
	return r;
}

static int handle_hello(struct router *router, const struct frame *frame, const uint8_t *body,
			struct error *err)
{
	char answer[80];
	struct timespec now;
	int protocol = 0, n, r;

	if (frame->type != WIRE_HELLO || frame->client != 0 || frame->size > HELLO_MAX)
		return broken(err, "it did not begin with HELLO");
	r = read_hello(router, body, frame->size, &protocol, err);
	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(answer, sizeof(answer), "{\"protocol\":%d,\"time\":%" PRId64 "}", protocol,
		     (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	r = wire_link_send(&router->agent, WIRE_HELLO, 0, 0, answer, (size_t)n);
	for (size_t i = 0; i < router->clients_len; i++)
		send_hello(router, router->clients[i]);
	return r == -EPIPE ? -ECONNRESET : r < 0 ? error_sys(err, -r, "answer the agent") : 0;
}

static struct router_client *find_client(const struct router *router, uint32_t number)
{
	for (size_t i = 0; i < router->clients_len; i++)
		if (router->clients[i]->number == number)
			return router->clients[i];
	return NULL;
}

/* NULL, or how the frame breaks the protocol. Whatever concerns a client that has gone was sent
 * before the agent heard of that. */
static const char *check_from_agent(struct router_client *client, const struct frame *frame)
{
	switch (frame->type) {
	case WIRE_RESPONSE:
		if (!client->unanswered)
			return "an answer without a request";
		client->unanswered--;
		return NULL;
	case WIRE_EXIT:
	case WIRE_EVENT:
		return NULL;
	case WIRE_DATA:
		if (frame->number == 0)
			return "output on stdin";
		if (client->credit[frame->number] < frame->size)
			return "more output than was granted";
		client->credit[frame->number] -= frame->size;
		return NULL;
	case WIRE_EOF:
		return frame->number == 0 ? "output on stdin" : NULL;
	case WIRE_STOP:
	case WIRE_WINDOW:
		return frame->number != 0 ? "input from stdout" : NULL;
	default:
		return "a message that is not the agent's";
	}
}

static int handle_from_agent(struct router *router, const struct frame *frame, const uint8_t *body,
			     struct error *err)
{
	struct router_client *client;
	const char *wrong;

	if (!router_is_up(router))
		return handle_hello(router, frame, body, err);
	if (frame->client == 0 || frame->client >= router->next_number)
		return broken(err, "a message to nobody");
	client = find_client(router, frame->client);
	if (!client || client->over)
		return 0;
	if (!client->known)
		return broken(err, "a message to nobody");
	wrong = check_from_agent(client, frame);
	if (wrong)
		return broken(err, wrong);
	send_client(client, frame, body);
	return 0;
}

static int step_agent(struct router *router, short events, struct error *err)
{
	struct frame frame;
	const uint8_t *body;
	int r = 0;

	if (events & POLLOUT)
		r = wire_link_flush(&router->agent);
	if (r == 0 && events & (POLLIN | POLLHUP | POLLERR))
		r = wire_link_receive(&router->agent);
	if (r == -EPROTO)
		return broken(err, "a broken frame");
	if (r == -EPIPE)
		return -ECONNRESET;
	if (r < 0)
		return error_sys(err, -r, "the agent's connection");
	while ((r = wire_link_next(&router->agent, &frame, &body)) > 0) {
		r = handle_from_agent(router, &frame, body, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return broken(err, "a broken frame");
	return router->agent.ended ? -ECONNRESET : 0;
}

/* Whether a client may send this; counts requests and credit. */
static bool check_from_client(struct router_client *client, const struct frame *frame,
			      const uint8_t *body)
{
	uint32_t grant;

	switch (frame->type) {
	case WIRE_REQUEST:
		client->unanswered++;
		return true;
	case WIRE_DATA:
	case WIRE_EOF:
		return frame->number == 0;
	case WIRE_STOP:
		return frame->number != 0;
	case WIRE_WINDOW:
		if (frame->number == 0)
			return false;
		memcpy(&grant, body, sizeof(grant));
		client->credit[frame->number] += le32toh(grant);
		/* More than a window is never under way. */
		return client->credit[frame->number] <= WIRE_WINDOW_SIZE;
	default:
		return false;
	}
}

/* What has been received from it, as far as the agent's link has room. */
static void forward_client(struct router *router, struct router_client *client)
{
	struct frame frame;
	const uint8_t *body;
	int r = 0;

	while (!client->over && wants_input(router, client) &&
	       (r = wire_link_next(&client->link, &frame, &body)) > 0) {
		if (frame.client != 0 || !check_from_client(client, &frame, body)) {
			client->over = true;
			return;
		}
		client->known = true;
		/* A failure is the agent's, and seen there. */
		(void)wire_link_send(&router->agent, frame.type, client->number, frame.number, body,
				     frame.size);
	}
	/* Frames that it left behind are of no use to a process that is to be killed. */
	if (r < 0 || (client->link.ended && r == 0))
		client->over = true;
}

static void step_client(struct router *router, struct router_client *client, short events)
{
	if (events & POLLOUT && wire_link_flush(&client->link) < 0)
		client->over = true;
	if (wants_input(router, client)) {
		if (events & (POLLIN | POLLHUP | POLLERR) && wire_link_receive(&client->link) < 0)
			client->over = true;
	} else if (events & (POLLHUP | POLLERR)) {
		client->over = true;
	}
	forward_client(router, client);
}

static void drop_clients(struct router *router)
{
	size_t kept = 0;

	for (size_t i = 0; i < router->clients_len; i++) {
		struct router_client *client = router->clients[i];

		if (!client->over) {
			router->clients[kept++] = client;
			continue;
		}
		if (client->known)
			(void)wire_link_send(&router->agent, WIRE_GONE, client->number, 0, NULL, 0);
		client_free(client);
	}
	router->clients_len = kept;
}

int router_step(struct router *router, const struct pollfd *fds, struct error *err)
{
	size_t n = router->clients_len;
	int r = step_agent(router, fds[0].revents, err);

	/* Begins with another client each time: the first ones would fill the agent's link. */
	for (size_t i = 0; r == 0 && i < n; i++) {
		size_t k = (router->turn + i) % n;

		step_client(router, router->clients[k], fds[1 + k].revents);
	}
	router->turn = n ? (router->turn + 1) % n : 0;
	drop_clients(router);
	return r;
}

static bool flush_clients(struct router *router, struct pollfd *fds)
{
	bool waiting = false;

	for (size_t i = 0; i < router->clients_len; i++) {
		struct wire_link *link = &router->clients[i]->link;

		if (fds[1 + i].revents & (POLLHUP | POLLERR) || wire_link_flush(link) < 0)
			router->clients[i]->over = true;
		fds[1 + i].fd = router->clients[i]->over ? -1 : link->fd;
		fds[1 + i].events = wire_link_events(link, false);
		if (fds[1 + i].fd >= 0 && fds[1 + i].events)
			waiting = true;
	}
	return !waiting;
}

void router_end(struct router *router, const char *reason, int timeout_ms)
{
	int64_t deadline = clock_ms() + timeout_ms, left;
	struct pollfd fds[ROUTER_POLLFDS] = { 0 };
	json_t *message = json_pack("{s:s}", "reason", reason);
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

	for (size_t i = 0; text && i < router->clients_len; i++) {
		const struct frame frame = { .type = WIRE_END, .size = (uint32_t)strlen(text) };

		send_client(router->clients[i], &frame, (const uint8_t *)text);
	}
	free(text);
	json_decref(message);
	while (!flush_clients(router, fds) && (left = deadline - clock_ms()) > 0)
		if (poll(fds + 1, router->clients_len, (int)left) < 0 && errno != EINTR)
			break;
}
