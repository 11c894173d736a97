/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/client.h"

#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_tree.h"
#include "wire/link.h"
#include "wire/message.h"

/* The agent answers at once; only a guest that is broken, or a machine that has nothing left for
 * it, takes so long. */
#define ANSWER_TIMEOUT_MS 60000
#define DRAINS_MAX 64

int hyperv_connect(const struct stored *s, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, s->vm.host ? "../%s/" STORE_VM_SOCKET : "%s" STORE_VM_SOCKET,
		     s->vm.host ? s->vm.host : "") < 0)
		return error_oom(err);
	fd = unix_connect(s->dir_fd, path, SOCK_STREAM);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return error_set(err, ESRCH,
				 "container \"%s\": container not running: its VM has ended",
				 s->container.id);
	return fd < 0 ? error_sys(err, -fd, "container \"%s\": connect to its VM", s->container.id)
		      : fd;
}

json_t *hyperv_op(const char *op, const struct stored *s)
{
	return json_pack("{s:s, s:s}", "op", op, "id", s->container.id);
}

static int wait_for(struct wire_link *link, int64_t deadline, struct error *err)
{
	struct pollfd p = { .fd = link->fd, .events = wire_link_events(link, true) };
	int64_t left = deadline - clock_ms();
	int r = left > 0 ? poll(&p, 1, (int)left) : 0;

	if (r < 0 && errno != EINTR)
		return error_sys(err, errno, "poll");
	if (r == 0)
		return error_set(err, ETIMEDOUT, "the VM's agent does not answer");
	r = p.revents & POLLOUT ? wire_link_flush(link) : 0;
	if (r == 0 && p.revents & ~POLLOUT)
		r = wire_link_receive(link);
	return r < 0 ? error_sys(err, -r, "speak to the VM") : 0;
}

/* The answer, over whatever else comes. */
static int await_answer(struct wire_link *link, int timeout_ms, json_t **ret, struct error *err)
{
	int64_t deadline = clock_ms() + timeout_ms;

	for (;;) {
		const uint8_t *body;
		struct frame frame;
		int r = wire_link_next(link, &frame, &body);

		if (r < 0)
			return error_set(err, EPROTO, "the VM broke the protocol");
		if (r == 0) {
			if (link->ended)
				return error_set(err, ESRCH,
						 "container not running: its VM has ended");
			r = wait_for(link, deadline, err);
			if (r < 0)
				return r;
			continue;
		}
		if (frame.type == WIRE_END)
			return error_set(err, ESRCH, "container not running: its VM has ended");
		if (frame.type != WIRE_RESPONSE)
			continue;
		*ret = message_parse(body, frame.size, err);
		return *ret ? 0 : -err->code;
	}
}

/* Over a new connection, which stays in link. request is taken. */
static int transact(struct wire_link *link, const struct stored *s, json_t *request, int timeout_ms,
		    json_t **ret, struct error *err)
{
	_cleanup_free_ char *text = request ? json_tree_text(request) : NULL;
	int fd, r;

	json_decref(request);
	if (!text)
		return error_oom(err);
	fd = hyperv_connect(s, err);
	if (fd < 0)
		return fd;
	r = wire_link_init(link, fd, WIRE_TO_HOST, WIRE_REQUEST_MAX + WIRE_HEADER, err);
	if (r < 0)
		return r;
	r = wire_link_send(link, WIRE_REQUEST, 0, 1, text, strlen(text));
	if (r < 0)
		return error_sys(err, -r, "container \"%s\": speak to its VM", s->container.id);
	return await_answer(link, timeout_ms, ret, err);
}

int hyperv_request(const struct stored *s, json_t *request, json_t **ret_result, struct error *err)
{
	return hyperv_request_within(s, request, ANSWER_TIMEOUT_MS, ret_result, err);
}

int hyperv_request_within(const struct stored *s, json_t *request, int timeout_ms,
			  json_t **ret_result, struct error *err)
{
	_cleanup_wire_link_ struct wire_link link = WIRE_LINK_INIT;
	json_t *result = NULL;
	int r = transact(&link, s, request, timeout_ms, &result, err);

	if (r < 0)
		return r;
	if (ret_result)
		*ret_result = result;
	else
		json_decref(result);
	return 0;
}

int hyperv_watch(const struct stored *s, struct error *err)
{
	_cleanup_wire_link_ struct wire_link link = WIRE_LINK_INIT;
	json_t *result = NULL;
	int r = transact(&link, s, hyperv_op("watch", s), ANSWER_TIMEOUT_MS, &result, err);

	json_decref(result);
	return r < 0 ? r : TAKE_FD(link.fd);
}

int hyperv_watch_drain(int fd, bool *ret_gone)
{
	char bytes[4096];
	bool any = false;
	ssize_t n = 0;

	*ret_gone = false;
	/* Bounded: a guest can send as fast as we read. */
	for (int i = 0; i < DRAINS_MAX; i++) {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			break;
		any = true;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		*ret_gone = true;
	return any ? 1 : 0;
}
