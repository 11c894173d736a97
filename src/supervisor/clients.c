/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/clock.h"
#include "supervisor/supervisor.h"

int client_add(struct supervisor *s, int sock, bool starter)
{
	if (s->clients_len == ATTACH_CLIENTS_MAX)
		return -EMFILE;
	s->clients[s->clients_len++] = (struct client){ .sock = sock, .starter = starter };
	return 0;
}

bool client_accept(struct supervisor *s)
{
	int sock = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	_cleanup_error_ struct error err = ERROR_INIT;

	if (sock < 0 || client_add(s, sock, false) == 0)
		return sock >= 0;
	(void)error_set(&err, EMFILE, "%d clients are attached already", ATTACH_CLIENTS_MAX);
	(void)attach_send_failure(sock, &err);
	(void)close_fd(sock);
	return true;
}

/* The end of the input of whoever had it, where the container is to see that. */
static void input_end(struct supervisor *s)
{
	struct termios t;
	unsigned char eof = 4;

	if (s->in.fd < 0 || !s->record.config.stdin_once)
		return;
	if (!s->record.config.tty) {
		s->in.over = true;
		input_write(s);
		return;
	}
	/* In a terminal that is a character, unless it is in a mode where that means nothing. */
	if (tcgetattr(s->in.fd, &t) == 0) {
		if (!(t.c_lflag & ICANON))
			return;
		eof = (unsigned char)t.c_cc[VEOF];
	}
	if (s->in.len == 0) {
		s->in.data[0] = eof;
		s->in.len = 1;
		s->in.at = 0;
		input_write(s);
	}
}

void client_remove(struct supervisor *s, size_t index)
{
	struct client *client = &s->clients[index];
	bool had_input = client->streams & ATTACH_STDIN;
	size_t last = --s->clients_len;

	(void)close_fd(client->sock);
	/* The last one takes its place, also in the sets of those that wait. */
	s->clients[index] = s->clients[last];
	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++) {
		uint64_t *pending = &s->out[i].pending;
		bool waits = *pending >> last & 1;

		*pending &= ~(UINT64_C(1) << last) & ~(UINT64_C(1) << index);
		if (waits && index != last)
			*pending |= UINT64_C(1) << index;
		if (*pending == 0)
			s->out[i].len = 0;
	}
	if (had_input && !s->record.config.tty)
		input_end(s);
}

static void resize(struct supervisor *s, const struct attach_size *size)
{
	struct winsize winsize = { .ws_row = size->rows, .ws_col = size->columns };

	if (s->record.config.tty && s->in.fd >= 0 && size->rows > 0 && size->columns > 0)
		(void)ioctl(s->in.fd, TIOCSWINSZ, &winsize);
}

void input_write(struct supervisor *s)
{
	while (s->in.at < s->in.len && s->in.fd >= 0) {
		ssize_t n = write(s->in.fd, s->in.data + s->in.at, s->in.len - s->in.at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* The container has closed it: what comes is for nobody. */
			if (!s->record.config.tty)
				s->in.fd = close_fd(s->in.fd);
			break;
		}
		s->in.at += (size_t)n;
	}
	s->in.at = s->in.len = 0;
	if (s->in.over && !s->record.config.tty)
		s->in.fd = close_fd(s->in.fd);
}

static void take_input(struct supervisor *s, const struct attach_packet *packet)
{
	if (packet->len == 0) {
		input_end(s);
		return;
	}
	if (s->in.fd < 0 || s->in.over)
		return;
	memcpy(s->in.data, packet->data, packet->len);
	s->in.len = packet->len;
	s->in.at = 0;
	input_write(s);
}

static bool greet(struct supervisor *s, struct client *client, const struct attach_packet *packet)
{
	struct attach_request request;

	if (packet->type != ATTACH_ATTACH || packet->len != sizeof(request))
		return false;
	memcpy(&request, packet->data, sizeof(request));
	client->greeted = true;
	client->streams = request.streams & (ATTACH_STDIN | ATTACH_STDOUT | ATTACH_STDERR);
	resize(s, &request.size);
	return true;
}

void client_read(struct supervisor *s, size_t index)
{
	struct client *client = &s->clients[index];
	struct attach_packet packet;
	struct attach_size size;
	int r = attach_receive(client->sock, &packet, MSG_DONTWAIT);

	if (r == -EAGAIN)
		return;
	if (r <= 0 || (!client->greeted && !greet(s, client, &packet))) {
		client_remove(s, index);
		return;
	}
	if (packet.type == ATTACH_INPUT && client->streams & ATTACH_STDIN)
		take_input(s, &packet);
	if (packet.type == ATTACH_RESIZE && packet.len == sizeof(size)) {
		memcpy(&size, packet.data, sizeof(size));
		resize(s, &size);
	}
}

static struct client *starter(struct supervisor *s)
{
	for (size_t i = 0; i < s->clients_len; i++)
		if (s->clients[i].starter)
			return &s->clients[i];
	return NULL;
}

void clients_warn(struct supervisor *s, const char *text)
{
	struct client *client = starter(s);

	if (client)
		(void)attach_send(client->sock, ATTACH_WARNING, text,
				  strnlen(text, ATTACH_DATA_MAX - 1), MSG_DONTWAIT);
}

void clients_started(struct supervisor *s)
{
	struct client *client = starter(s);

	if (!client)
		return;
	(void)attach_send(client->sock, ATTACH_STARTED, NULL, 0, MSG_DONTWAIT);
	/* One that wants no stream has heard all it waited for. */
	if (client->streams == 0)
		client_remove(s, (size_t)(client - s->clients));
}

void clients_failed(struct supervisor *s, const struct error *err)
{
	struct client *client = starter(s);

	if (client) {
		(void)attach_send_failure(client->sock, err);
		client_remove(s, (size_t)(client - s->clients));
	}
}

void clients_exit(struct supervisor *s)
{
	int32_t status = s->exit_status;

	while (s->clients_len > 0) {
		(void)attach_send(s->clients[0].sock, ATTACH_EXIT, &status, sizeof(status),
				  MSG_DONTWAIT);
		client_remove(s, 0);
	}
}

int clients_expire(struct supervisor *s)
{
	int64_t now = clock_ms(), next = -1;

	for (size_t i = s->clients_len; i-- > 0;) {
		const struct client *client = &s->clients[i];
		int64_t left = client->stalled_at +
			       (client->starter ? STARTER_PATIENCE_MS : PATIENCE_MS) - now;

		if (client->stalled_at == 0)
			continue;
		if (left <= 0)
			client_remove(s, i);
		else if (next < 0 || left < next)
			next = left;
	}
	return (int)next;
}
