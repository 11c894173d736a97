/* SPDX-License-Identifier: Apache-2.0 */
#include "service/attach_protocol.h"

#include <string.h>
#include <sys/socket.h>

int attach_send(int sock, unsigned char type, const void *data, size_t len, int flags)
{
	struct iovec iov[] = { { .iov_base = &type, .iov_len = 1 },
			       { .iov_base = (void *)(uintptr_t)data, .iov_len = len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1 };
	ssize_t n;

	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int attach_receive(int sock, struct attach_packet *ret, int flags)
{
	struct iovec iov[] = { { .iov_base = &ret->type, .iov_len = 1 },
			       { .iov_base = ret->data, .iov_len = sizeof(ret->data) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned resets = 0;
	ssize_t n;

	/* Descriptors that somebody sends along are closed by the kernel: there is no room for them. That
	 * the other end went without having read all of ours is told once, and before what it said last. */
	do {
		n = recvmsg(sock, &msg, flags);
		resets += n < 0 && errno == ECONNRESET;
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets == 1)));
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	if (msg.msg_flags & MSG_TRUNC)
		return -EPROTO;
	ret->len = (size_t)n - 1;
	return 1;
}

int attach_send_failure(int sock, const struct error *err)
{
	unsigned char body[ATTACH_DATA_MAX];
	const struct attach_failure failure = { .code = err->code,
						.exit_status = err->exit_status };
	const char *text = error_text(err);
	size_t len = strnlen(text, sizeof(body) - sizeof(failure));

	memcpy(body, &failure, sizeof(failure));
	memcpy(body + sizeof(failure), text, len);
	return attach_send(sock, ATTACH_FAILED, body, sizeof(failure) + len, 0);
}

int attach_failure_read(const struct attach_packet *packet, struct error *err)
{
	struct attach_failure failure;

	if (packet->len < sizeof(failure))
		return error_set(err, EPROTO, "the supervisor's answer is cut");
	memcpy(&failure, packet->data, sizeof(failure));
	(void)error_set(err, failure.code > 0 ? failure.code : EIO, "%.*s",
			(int)(packet->len - sizeof(failure)),
			(const char *)packet->data + sizeof(failure));
	err->exit_status = failure.exit_status;
	return -err->code;
}
