/* SPDX-License-Identifier: Apache-2.0 */
#include "network/route.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/netlink.h"
#include "base/netns.h"

#define ROUTES_MAX 100000
#define DUMP_TRIES 5 /* a dump that was interrupted by a change is asked for again */

int route_subnet_parse(const char *text, struct route_subnet *ret)
{
	const char *slash = strchr(text, '/');
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	unsigned long prefix;
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	prefix = strtoul(slash + 1, &end, 10);
	if (*end || prefix > 32 || inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;
	*ret = (struct route_subnet){ .prefix = (unsigned)prefix };
	ret->address = prefix ? ntohl(in.s_addr) & (UINT32_MAX << (32 - prefix)) : 0;
	return 0;
}

bool route_subnets_overlap(const struct route_subnet *a, const struct route_subnet *b)
{
	const unsigned shorter = a->prefix < b->prefix ? a->prefix : b->prefix;

	return shorter == 0 || (a->address ^ b->address) >> (32 - shorter) == 0;
}

struct listing {
	struct route_subnet *items;
	size_t len, size;
	unsigned but_index;
};

static int list_one(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[RTA_MAX + 1];
	struct listing *list = data;
	struct rtmsg header;
	uint32_t address;

	if (message->type != RTM_NEWROUTE || message->len < sizeof(header))
		return 0;
	memcpy(&header, message->data, sizeof(header));
	if (header.rtm_family != AF_INET || header.rtm_dst_len == 0 || header.rtm_dst_len > 32)
		return 0;
	if (netlink_parse((const char *)message->data + NLMSG_ALIGN(sizeof(header)),
			  message->len - NLMSG_ALIGN(sizeof(header)), table, RTA_MAX) < 0 ||
	    !table[RTA_DST] || netlink_payload_len(table[RTA_DST]) != sizeof(address))
		return 0;
	if (list->but_index && netlink_u32(table[RTA_OIF], 0) == list->but_index)
		return 0;
	if (list->len == list->size) {
		size_t size = list->size ? list->size * 2 : 64;
		struct route_subnet *items = realloc(list->items, size * sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->size = size;
	}
	if (list->len == ROUTES_MAX)
		return -E2BIG;
	memcpy(&address, netlink_payload(table[RTA_DST]), sizeof(address));
	list->items[list->len++] =
		(struct route_subnet){ .address = ntohl(address), .prefix = header.rtm_dst_len };
	return 0;
}

static int dump(struct netlink *nl, int family, netlink_reader reader, void *data)
{
	const struct rtmsg header = { .rtm_family = (unsigned char)family };
	struct netlink_request rq;

	netlink_begin(&rq, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header));
	return netlink_transact(nl, &rq, reader, data, NULL);
}

int route_list(const char *but_interface, struct route_subnet **ret, size_t *ret_len)
{
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	struct listing list = { .but_index = but_interface ? if_nametoindex(but_interface) : 0 };
	int r = netlink_open(&nl, NETLINK_ROUTE);

	if (r < 0)
		return r;
	for (int tries = 0; tries < DUMP_TRIES; tries++) {
		list.len = 0;
		r = dump(&nl, AF_INET, list_one, &list);
		if (r != -EINTR)
			break;
	}
	if (r < 0) {
		free(list.items);
		return r;
	}
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}

struct defaults {
	unsigned index; /* of the interface */
	int family;
	bool found;
	struct netlink_request rq; /* that deletes the one found */
};

static int find_default(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[RTA_MAX + 1];
	struct defaults *d = data;
	struct rtmsg header;

	if (d->found || message->type != RTM_NEWROUTE || message->len < sizeof(header))
		return 0;
	memcpy(&header, message->data, sizeof(header));
	if (header.rtm_family != d->family || header.rtm_dst_len != 0 ||
	    header.rtm_type != RTN_UNICAST)
		return 0;
	if (netlink_parse((const char *)message->data + NLMSG_ALIGN(sizeof(header)),
			  message->len - NLMSG_ALIGN(sizeof(header)), table, RTA_MAX) < 0 ||
	    netlink_u32(table[RTA_OIF], 0) != d->index)
		return 0;
	netlink_begin(&d->rq, RTM_DELROUTE, 0, &header, sizeof(header));
	netlink_put_u32(&d->rq, RTA_OIF, d->index);
	if (table[RTA_GATEWAY])
		netlink_put(&d->rq, RTA_GATEWAY, netlink_payload(table[RTA_GATEWAY]),
			    netlink_payload_len(table[RTA_GATEWAY]));
	if (table[RTA_PRIORITY])
		netlink_put_u32(&d->rq, RTA_PRIORITY, netlink_u32(table[RTA_PRIORITY], 0));
	d->found = true;
	return 0;
}

struct name_index {
	const char *name;
	unsigned index;
};

static int index_there(void *data)
{
	struct name_index *n = data;

	n->index = if_nametoindex(n->name);
	return n->index ? 0 : -errno;
}

int route_drop_default(int netns_fd, const char *interface)
{
	static const int families[] = { AF_INET, AF_INET6 };
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	struct name_index name = { .name = interface };
	int r = netns_call(netns_fd, index_there, &name);

	if (r == 0)
		r = netlink_open_in(&nl, NETLINK_ROUTE, netns_fd);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		struct defaults d = { .index = name.index, .family = families[i] };

		do {
			d.found = false;
			r = dump(&nl, families[i], find_default, &d);
			if (r == 0 && d.found)
				r = netlink_transact(&nl, &d.rq, NULL, NULL, NULL);
		} while ((r == 0 && d.found) || r == -EINTR);
	}
	return r;
}

int route_drop_address(int netns_fd, const char *interface, const char *address, unsigned prefix)
{
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	struct ifaddrmsg header = { .ifa_family = AF_INET, .ifa_prefixlen = (unsigned char)prefix };
	struct name_index name = { .name = interface };
	struct netlink_request rq;
	struct in_addr in;
	int r;

	if (inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;
	r = netns_call(netns_fd, index_there, &name);
	if (r == 0)
		r = netlink_open_in(&nl, NETLINK_ROUTE, netns_fd);
	if (r < 0)
		return r;
	header.ifa_index = name.index;
	netlink_begin(&rq, RTM_DELADDR, 0, &header, sizeof(header));
	netlink_put(&rq, IFA_LOCAL, &in, sizeof(in));
	return netlink_transact(&nl, &rq, NULL, NULL, NULL);
}
