/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Requests to the kernel over a netlink socket: netlink(7), docs.kernel.org/userspace-api/netlink.
 * A request has a fixed room; what does not fit, or is too long for the 16 bits of an attribute's
 * length, makes the request fail as a whole when it is sent (CVE-2021-43784: a length that wrapped
 * let the data of one attribute be read as others). Not safe for several threads on one socket.
 */
#include <linux/netlink.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NETLINK_REQUEST_MAX 8192

struct netlink {
	int fd; /* -1: none */
	uint32_t sequence;
};
#define NETLINK_INIT ((struct netlink){ .fd = -1 })

/* Opens a socket of the given family (NETLINK_ROUTE) in the network namespace of the caller. 0 or
 * -errno. */
int netlink_open(struct netlink *nl, int family);
/* As netlink_open, in the network namespace netns_fd: by netns_call, which see. */
int netlink_open_in(struct netlink *nl, int family, int netns_fd);
void netlink_close(struct netlink *nl);

struct netlink_request {
	size_t len;
	int error; /* first failure of netlink_put…, as -errno */
	alignas(NLMSG_ALIGNTO) unsigned char data[NETLINK_REQUEST_MAX];
};
/* Starts a request: message type, NLM_F_ flags beside NLM_F_REQUEST, and the family's own header.
 */
void netlink_begin(struct netlink_request *rq, uint16_t type, uint16_t flags, const void *body,
		   size_t body_len);
/* Appends an attribute. */
void netlink_put(struct netlink_request *rq, uint16_t type, const void *data, size_t len);
void netlink_put_u32(struct netlink_request *rq, uint16_t type, uint32_t value);
void netlink_put_string(struct netlink_request *rq, uint16_t type, const char *text);
/* Starts an attribute that holds those put until netlink_nest_end is given what this returned. */
size_t netlink_nest(struct netlink_request *rq, uint16_t type);
void netlink_nest_end(struct netlink_request *rq, size_t at);

/* One message of an answer: its type, and what follows the netlink header. */
struct netlink_message {
	uint16_t type;
	const void *data;
	size_t len;
};
/* Takes one message; a negative value ends the reading and becomes the result. */
typedef int (*netlink_reader)(const struct netlink_message *message, void *data);

/* Sends the request and reads until the kernel has acknowledged it, or a dump is complete. reader
 * may be NULL. A dump that was interrupted by a change gives -EINTR (then ask again). 0 or the
 * kernel's -errno; the kernel's explanation, where it sends one, goes to *ret_why (may be NULL;
 * caller frees; NULL when none). */
int netlink_transact(struct netlink *nl, struct netlink_request *rq, netlink_reader reader,
		     void *data, char **ret_why);

/* Sorts the attributes in data into table, by type up to max; those of other types are left out, of
 * two of one type the last counts. 0, or -EBADMSG where a length does not fit. */
int netlink_parse(const void *data, size_t len, const struct nlattr **table, size_t max);
/* Payload of an attribute and its length. */
static inline const void *netlink_payload(const struct nlattr *attr)
{
	return (const unsigned char *)attr + NLA_HDRLEN;
}
static inline size_t netlink_payload_len(const struct nlattr *attr)
{
	return attr->nla_len - (size_t)NLA_HDRLEN;
}
/* The value of a 32-bit attribute, or otherwise when it is absent or of another size. */
uint32_t netlink_u32(const struct nlattr *attr, uint32_t otherwise);
/* The text of an attribute; NULL when it is absent or not terminated. Valid as long as the message.
 */
const char *netlink_string(const struct nlattr *attr);

#define _cleanup_netlink_ _cleanup_(netlink_close)
