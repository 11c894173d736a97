/* SPDX-License-Identifier: Apache-2.0 */
#include "container/sync.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

struct message {
	uint32_t type;
	int32_t code, exit_status;
	char text[SYNC_TEXT_MAX];
};

#define HEADER_SIZE offsetof(struct message, text)

static int send_message(int sock, const struct message *m, size_t text_len)
{
	ssize_t n;

	do
		n = send(sock, m, HEADER_SIZE + text_len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int sync_send(int sock, enum sync_type type, int code)
{
	struct message m;

	m.type = type;
	m.code = code;
	m.exit_status = 0;
	return send_message(sock, &m, 0);
}

int sync_send_text(int sock, enum sync_type type, const char *text)
{
	struct message m;
	size_t len = strnlen(text, SYNC_TEXT_MAX);

	m.type = type;
	m.code = 0;
	m.exit_status = 0;
	memcpy(m.text, text, len);
	return send_message(sock, &m, len);
}

void sync_send_error(int sock, const struct error *error)
{
	const char *text = error_text(error);
	struct message m;
	size_t len = strnlen(text, SYNC_TEXT_MAX);

	m.type = SYNC_ERROR;
	m.code = error->code;
	m.exit_status = error->exit_status;
	memcpy(m.text, text, len);
	(void)send_message(sock, &m, len);
}

int sync_receive(int sock, int *ret_code, struct error *err)
{
	return sync_receive_text(sock, ret_code, NULL, err);
}

int sync_receive_text(int sock, int *ret_code, char *text, struct error *err)
{
	struct message m;
	ssize_t n;

	do
		n = recv(sock, &m, sizeof(m), 0);
	while (n < 0 && errno == EINTR);
	/* ECONNRESET: the other side ended with something of ours unread; an end like any other. */
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return error_sys(err, errno, "receive from the container's process");
	if ((size_t)n < HEADER_SIZE)
		return error_set(err, EPROTO, "the container's process sent a broken message");
	if (m.type == SYNC_ERROR) {
		int code = m.code > 0 ? m.code : EINVAL;

		(void)error_set(err, code, "%.*s", (int)((size_t)n - HEADER_SIZE), m.text);
		err->exit_status = m.exit_status;
		return -code;
	}
	if (ret_code)
		*ret_code = m.code;
	if (text) {
		memcpy(text, m.text, (size_t)n - HEADER_SIZE);
		text[(size_t)n - HEADER_SIZE] = '\0';
	}
	return (int)m.type;
}

int sync_expect(int sock, enum sync_type type, int *ret_code, struct error *err)
{
	int r = sync_receive(sock, ret_code, err);

	if (r < 0 || r == (int)type)
		return r < 0 ? r : 0;
	if (r == 0)
		return error_set(err, ECONNRESET, "the container's process ended unexpectedly");
	return error_set(err, EPROTO, "unexpected message %d where %d was due", r, (int)type);
}
