/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netlink.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netns.h"

/* The kernel fills what a dump's reader offers, up to 32 KiB; an answer larger than this is
 * refused. */
#define RECEIVE_SIZE ((size_t)64 * 1024)

static int set_option(int fd, int option)
{
	const int on = 1;

	return setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

int netlink_open(struct netlink *nl, int family)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Comforts of newer kernels: why a request failed, and dumps filtered by it. */
	(void)set_option(fd, NETLINK_EXT_ACK);
	(void)set_option(fd, NETLINK_CAP_ACK);
	(void)set_option(fd, NETLINK_GET_STRICT_CHK);
	*nl = (struct netlink){ .fd = TAKE_FD(fd) };
	return 0;
}

struct elsewhere {
	struct netlink *nl;
	int family;
};

/* A socket stays in the namespace in which it was made. */
static int open_elsewhere(void *arg)
{
	struct elsewhere *e = arg;

	return netlink_open(e->nl, e->family);
}

int netlink_open_in(struct netlink *nl, int family, int netns_fd)
{
	struct elsewhere e = { .nl = nl, .family = family };

	return netns_call(netns_fd, open_elsewhere, &e);
}

void netlink_close(struct netlink *nl)
{
	nl->fd = close_fd(nl->fd);
}

static void append(struct netlink_request *rq, const void *data, size_t len, size_t padded)
{
	if (padded > 0 && len > 0)
		memcpy(rq->data + rq->len, data, len);
	memset(rq->data + rq->len + len, 0, padded - len);
	rq->len += padded;
}

void netlink_begin(struct netlink_request *rq, uint16_t type, uint16_t flags, const void *body,
		   size_t body_len)
{
	struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST };

	rq->len = 0;
	rq->error = 0;
	append(rq, &header, sizeof(header), NLMSG_HDRLEN);
	if (body_len > sizeof(rq->data) - rq->len - NLMSG_ALIGNTO)
		rq->error = -EMSGSIZE;
	else
		append(rq, body, body_len, NLMSG_ALIGN(body_len));
}

void netlink_put(struct netlink_request *rq, uint16_t type, const void *data, size_t len)
{
	struct nlattr header = { .nla_type = type };
	const size_t room = sizeof(rq->data) - rq->len;

	if (rq->error < 0)
		return;
	/* First against bounds that cannot wrap, then against the room with its padding. */
	if (len > UINT16_MAX - (size_t)NLA_HDRLEN || len > sizeof(rq->data) ||
	    (size_t)NLA_ALIGN(NLA_HDRLEN + len) > room) {
		rq->error = -EMSGSIZE;
		return;
	}
	header.nla_len = (uint16_t)(NLA_HDRLEN + len);
	append(rq, &header, sizeof(header), NLA_HDRLEN);
	append(rq, data, len, NLA_ALIGN(len));
}

void netlink_put_u32(struct netlink_request *rq, uint16_t type, uint32_t value)
{
	netlink_put(rq, type, &value, sizeof(value));
}

void netlink_put_string(struct netlink_request *rq, uint16_t type, const char *text)
{
	netlink_put(rq, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_request *rq, uint16_t type)
{
	const size_t at = rq->len;

	netlink_put(rq, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void netlink_nest_end(struct netlink_request *rq, size_t at)
{
	const size_t len = rq->len - at;

	if (rq->error < 0)
		return;
	if (len > UINT16_MAX)
		rq->error = -EMSGSIZE;
	else
		((struct nlattr *)(rq->data + at))->nla_len = (uint16_t)len;
}

static int send_request(struct netlink *nl, struct netlink_request *rq)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *header = (struct nlmsghdr *)rq->data;
	ssize_t n;

	if (rq->error < 0)
		return rq->error;
	header->nlmsg_len = (uint32_t)rq->len;
	header->nlmsg_flags |= NLM_F_ACK;
	header->nlmsg_seq = ++nl->sequence;
	do
		n = sendto(nl->fd, rq->data, rq->len, 0, (const struct sockaddr *)&kernel,
			   sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == rq->len ? 0 : -EMSGSIZE;
}

/* One datagram of the kernel's. Length or -errno. */
static ssize_t receive(struct netlink *nl, void *buf, size_t size)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len;
	ssize_t n;

	do {
		from_len = sizeof(from);
		n = recvfrom(nl->fd, buf, size, MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		/* Other processes can send to this socket too: theirs are dropped. */
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n < 0)
		return -errno;
	return (size_t)n > size ? -EMSGSIZE : n;
}

/* The kernel's explanation behind an acknowledgement (NETLINK_EXT_ACK). */
static void take_why(const struct nlmsghdr *header, const unsigned char *data, size_t len,
		     char **ret_why)
{
	const struct nlattr *table[NLMSGERR_ATTR_MSG + 1] = { NULL };
	size_t skip = sizeof(struct nlmsgerr);
	const char *text;

	if (!ret_why || !(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(header->nlmsg_flags & NLM_F_CAPPED)) { /* the request's payload comes back as well */
		struct nlmsgerr e;

		memcpy(&e, data, sizeof(e));
		if (e.msg.nlmsg_len < sizeof(e.msg) || e.msg.nlmsg_len > len)
			return;
		skip += NLMSG_ALIGN(e.msg.nlmsg_len - sizeof(e.msg));
	}
	if (skip > len || netlink_parse(data + skip, len - skip, table, NLMSGERR_ATTR_MSG) < 0)
		return;
	text = netlink_string(table[NLMSGERR_ATTR_MSG]);
	if (text && *text && !*ret_why)
		*ret_why = strdup(text);
}

struct exchange {
	netlink_reader reader;
	void *data;
	char **ret_why;
	bool interrupted, complete;
	int result; /* the first failure; the answer is read to its end all the same */
};

static void take_message(struct exchange *x, const struct nlmsghdr *header)
{
	const unsigned char *data = (const unsigned char *)header + NLMSG_HDRLEN;
	const size_t len = header->nlmsg_len - (size_t)NLMSG_HDRLEN;
	int code = 0;

	x->interrupted = x->interrupted || (header->nlmsg_flags & NLM_F_DUMP_INTR);
	if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
		x->complete = true;
		if (header->nlmsg_type == NLMSG_ERROR && len < sizeof(struct nlmsgerr))
			code = -EBADMSG;
		else if (len >= sizeof(code))
			memcpy(&code, data, sizeof(code)); /* both begin with it */
		if (code < 0 && header->nlmsg_type == NLMSG_ERROR && len >= sizeof(struct nlmsgerr))
			take_why(header, data, len, x->ret_why);
	} else if (header->nlmsg_type >= NLMSG_MIN_TYPE && x->reader && x->result == 0) {
		const struct netlink_message message = {
			.type = header->nlmsg_type,
			.data = data,
			.len = len,
		};

		code = x->reader(&message, x->data);
	}
	if (code < 0 && x->result == 0)
		x->result = code;
}

int netlink_transact(struct netlink *nl, struct netlink_request *rq, netlink_reader reader,
		     void *data, char **ret_why)
{
	struct exchange x = { .reader = reader, .data = data, .ret_why = ret_why };
	_cleanup_free_ unsigned char *buf = malloc(RECEIVE_SIZE);
	int r;

	if (ret_why)
		*ret_why = NULL;
	if (!buf)
		return -ENOMEM;
	r = send_request(nl, rq);
	if (r < 0)
		return r;
	while (!x.complete) {
		ssize_t n = receive(nl, buf, RECEIVE_SIZE);
		size_t at = 0;

		if (n < 0)
			return (int)n;
		while (!x.complete && (size_t)n - at >= sizeof(struct nlmsghdr)) {
			const struct nlmsghdr *header = (const struct nlmsghdr *)(buf + at);

			if (header->nlmsg_len < (size_t)NLMSG_HDRLEN ||
			    header->nlmsg_len > (size_t)n - at)
				return -EBADMSG;
			if (header->nlmsg_seq == nl->sequence) /* else of a request given up */
				take_message(&x, header);
			at += NLMSG_ALIGN(header->nlmsg_len);
			if (at > (size_t)n)
				break; /* the last one's padding may be left out */
		}
	}
	return x.result < 0 ? x.result : x.interrupted ? -EINTR : 0;
}

int netlink_parse(const void *data, size_t len, const struct nlattr **table, size_t max)
{
	const unsigned char *p = data;

	for (size_t i = 0; i <= max; i++)
		table[i] = NULL;
	while (len >= (size_t)NLA_HDRLEN) {
		const struct nlattr *attr = (const struct nlattr *)p;
		size_t step, type = attr->nla_type & NLA_TYPE_MASK;

		if (attr->nla_len < (size_t)NLA_HDRLEN || attr->nla_len > len)
			return -EBADMSG;
		if (type <= max)
			table[type] = attr;
		step = NLA_ALIGN(attr->nla_len);
		if (step >= len)
			return 0;
		p += step;
		len -= step;
	}
	return len == 0 ? 0 : -EBADMSG;
}

uint32_t netlink_u32(const struct nlattr *attr, uint32_t otherwise)
{
	if (!attr || netlink_payload_len(attr) != sizeof(otherwise))
		return otherwise;
	memcpy(&otherwise, netlink_payload(attr), sizeof(otherwise));
	return otherwise;
}

const char *netlink_string(const struct nlattr *attr)
{
	if (!attr || !memchr(netlink_payload(attr), '\0', netlink_payload_len(attr)))
		return NULL;
	return netlink_payload(attr);
}
