/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_read.h"

#include <arpa/inet.h>
#include <linux/ipv6_route.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define TEXT_MAX (INET6_ADDRSTRLEN + 4) /* with a prefix length */

struct reading {
	const struct nic_links *links;
	json_t *plain, *through; /* routes without and with a gateway: the order to add them in */
	struct error *err;
};

static int refuse(struct reading *reading, const struct rtmsg *header, const struct nlattr **table,
		  const char *what)
{
	char buf[INET6_ADDRSTRLEN];
	const char *to = nic_address_text(header->rtm_family, table[RTA_DST], buf);

	return error_set(reading->err, EOPNOTSUPP,
			 "the network's route to %s/%u (table %u) has %s, which hyperv isolation "
			 "cannot carry over (use process isolation)",
			 to                               ? to
			 : header->rtm_family == AF_INET6 ? "::"
							  : "0.0.0.0",
			 header->rtm_dst_len, netlink_u32(table[RTA_TABLE], header->rtm_table),
			 what);
}

/* A gateway of the route's family (RTA_GATEWAY) or of the other one (RTA_VIA, RFC 5549). */
static int put_gateway(int family, const struct nlattr **table, json_t *hop)
{
	char buf[INET6_ADDRSTRLEN];
	const char *text = nic_address_text(family, table[RTA_GATEWAY], buf);

	if (!text && table[RTA_VIA] &&
	    netlink_payload_len(table[RTA_VIA]) == sizeof(sa_family_t) + 16) {
		const unsigned char *via = netlink_payload(table[RTA_VIA]);
		sa_family_t via_family;

		memcpy(&via_family, via, sizeof(via_family));
		if (via_family == AF_INET6)
			text = inet_ntop(AF_INET6, via + sizeof(via_family), buf, sizeof(buf));
	}
	return text ? nic_put(hop, "gateway", json_string(text)) : 0;
}

static int put_hop(struct reading *reading, int family, uint32_t index, unsigned flags,
		   unsigned weight, const struct nlattr **table, json_t *hops)
{
	const char *name = nic_links_name(reading->links, index);
	json_t *hop = json_object();
	int r = hop ? 0 : -ENOMEM;

	/* Through an interface that a VM does not get (tunl0, down) nothing goes. */
	if (r == 0 && !name)
		r = error_set(reading->err, EOPNOTSUPP,
			      "the network has a route through an interface that hyperv isolation "
			      "cannot carry over (index %u; use process isolation)",
			      index);
	if (r == 0)
		r = nic_put(hop, "device", json_string(name));
	if (r == 0)
		r = put_gateway(family, table, hop);
	if (r == 0 && (flags & RTNH_F_ONLINK))
		r = nic_put(hop, "onlink", json_true());
	if (r == 0 && weight > 0)
		r = nic_put(hop, "weight", json_integer(weight + 1));
	if (r == 0 && json_array_append(hops, hop) < 0)
		r = -ENOMEM;
	json_decref(hop);
	return r;
}

static int put_multipath(struct reading *reading, const struct rtmsg *header,
			 const struct nlattr **table, json_t *hops)
{
	const unsigned char *p = netlink_payload(table[RTA_MULTIPATH]);
	size_t left = netlink_payload_len(table[RTA_MULTIPATH]);

	while (left >= sizeof(struct rtnexthop)) {
		const struct nlattr *attrs[RTA_ENCAP + 1];
		struct rtnexthop hop;
		size_t step;
		int r;

		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return -EBADMSG;
		r = netlink_parse(p + sizeof(hop), hop.rtnh_len - sizeof(hop), attrs, RTA_ENCAP);
		if (r < 0)
			return r;
		if (attrs[RTA_ENCAP])
			return refuse(reading, header, table, "an encapsulation");
		r = put_hop(reading, header->rtm_family, (uint32_t)hop.rtnh_ifindex, hop.rtnh_flags,
			    hop.rtnh_hops, attrs, hops);
		if (r < 0)
			return r;
		step = NLA_ALIGN(hop.rtnh_len);
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	return 0;
}

static int put_metrics(struct reading *reading, const struct rtmsg *header,
		       const struct nlattr **table, json_t *route)
{
	const struct nlattr *metrics[RTAX_MAX + 1];
	json_t *list;
	int r;

	if (!table[RTA_METRICS])
		return 0;
	r = netlink_parse(netlink_payload(table[RTA_METRICS]),
			  netlink_payload_len(table[RTA_METRICS]), metrics, RTAX_MAX);
	if (r < 0)
		return r;
	list = json_array();
	for (unsigned i = 1; list && r == 0 && i <= RTAX_MAX; i++) {
		if (!metrics[i])
			continue;
		if (i == RTAX_CC_ALGO)
			r = refuse(reading, header, table, "a congestion control of its own");
		else if (json_array_append_new(list, json_pack("[ii]", (int)i, 0)) < 0 ||
			 json_array_set_new(json_array_get(list, json_array_size(list) - 1), 1,
					    json_integer(netlink_u32(metrics[i], 0))) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		return nic_put(route, "metrics", list);
	json_decref(list);
	return r;
}

static int put_prefix(json_t *route, const char *key, int family, const struct nlattr *attr,
		      unsigned length)
{
	char buf[INET6_ADDRSTRLEN], text[TEXT_MAX];
	const char *address = nic_address_text(family, attr, buf);

	if (!address)
		address = family == AF_INET6 ? "::" : "0.0.0.0";
	(void)snprintf(text, sizeof(text), "%s/%u", address, length);
	return nic_put(route, key, json_string(text));
}

static int describe(struct reading *reading, const struct rtmsg *header,
		    const struct nlattr **table, json_t *route)
{
	const int family = header->rtm_family;
	char buf[INET6_ADDRSTRLEN];
	const char *text;
	json_t *hops = json_array();
	int r = nic_put(route, "hops", hops);

	if (r == 0)
		r = put_prefix(route, "destination", family, table[RTA_DST], header->rtm_dst_len);
	if (r == 0 && header->rtm_src_len > 0)
		r = put_prefix(route, "from", family, table[RTA_SRC], header->rtm_src_len);
	if (r == 0)
		r = nic_put(route, "type", json_integer(header->rtm_type));
	if (r == 0)
		r = nic_put(route, "table",
			    json_integer(netlink_u32(table[RTA_TABLE], header->rtm_table)));
	if (r == 0)
		r = nic_put(route, "protocol", json_integer(header->rtm_protocol));
	if (r == 0)
		r = nic_put(route, "scope", json_integer(header->rtm_scope));
	if (r == 0 && header->rtm_tos)
		r = nic_put(route, "tos", json_integer(header->rtm_tos));
	if (r == 0 && table[RTA_PRIORITY])
		r = nic_put(route, "metric", json_integer(netlink_u32(table[RTA_PRIORITY], 0)));
	text = nic_address_text(family, table[RTA_PREFSRC], buf);
	if (r == 0 && text)
		r = nic_put(route, "source", json_string(text));
	if (r == 0 && table[RTA_PREF] && netlink_payload_len(table[RTA_PREF]) == 1)
		r = nic_put(route, "preference",
			    json_integer(*(const unsigned char *)netlink_payload(table[RTA_PREF])));
	if (r == 0)
		r = put_metrics(reading, header, table, route);
	if (r == 0 && table[RTA_MULTIPATH])
		r = put_multipath(reading, header, table, hops);
	else if (r == 0 && table[RTA_OIF] &&
		 (header->rtm_type == RTN_UNICAST || header->rtm_type == RTN_LOCAL))
		r = put_hop(reading, family, netlink_u32(table[RTA_OIF], 0), header->rtm_flags, 0,
			    table, hops);
	return r;
}

/* The kernel makes these by itself, in the guest as here. */
static bool by_kernel(const struct rtmsg *header)
{
	return header->rtm_protocol == RTPROT_KERNEL || header->rtm_protocol == RTPROT_RA ||
	       header->rtm_protocol == RTPROT_REDIRECT || (header->rtm_flags & RTM_F_CLONED) ||
	       header->rtm_type == RTN_ANYCAST || header->rtm_type == RTN_MULTICAST ||
	       header->rtm_type == RTN_BROADCAST;
}

static int read_route(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[RTA_TTL_PROPAGATE + 1];
	struct reading *reading = data;
	struct rtmsg header;
	json_t *route;
	bool through;
	int r;

	if (message->type != RTM_NEWROUTE)
		return 0;
	r = nic_attributes(message, sizeof(header), table, RTA_TTL_PROPAGATE);
	if (r < 0)
		return r;
	memcpy(&header, message->data, sizeof(header));
	if ((header.rtm_family != AF_INET && header.rtm_family != AF_INET6) || by_kernel(&header))
		return 0;
	if (table[RTA_ENCAP])
		return refuse(reading, &header, table, "an encapsulation");
	if (table[RTA_FLOW] && netlink_u32(table[RTA_FLOW], 0))
		return refuse(reading, &header, table, "a realm");
	if (json_array_size(reading->plain) + json_array_size(reading->through) == NIC_ROUTES_MAX)
		return error_set(reading->err, E2BIG, "the network has more than %d routes",
				 NIC_ROUTES_MAX);
	route = json_object();
	if (!route)
		return -ENOMEM;
	r = describe(reading, &header, table, route);
	through = table[RTA_GATEWAY] || table[RTA_VIA] || table[RTA_MULTIPATH];
	if (r == 0 && json_array_append(through ? reading->through : reading->plain, route) < 0)
		r = -ENOMEM;
	json_decref(route);
	return r;
}

static void start(void *data)
{
	struct reading *reading = data;

	error_done(reading->err);
	(void)json_array_clear(reading->plain);
	(void)json_array_clear(reading->through);
}

int nic_read_routes(struct netlink *nl, const struct nic_links *links, json_t **ret,
		    struct error *err)
{
	_cleanup_error_ struct error found = ERROR_INIT;
	struct reading reading = {
		.links = links,
		.plain = json_array(),
		.through = json_array(),
		.err = &found,
	};
	const struct rtmsg header = { .rtm_family = AF_UNSPEC };
	int r = reading.plain && reading.through ? 0 : -ENOMEM;

	if (r == 0)
		r = nic_dump(nl, RTM_GETROUTE, &header, sizeof(header), read_route, start,
			     &reading);
	/* A gateway is only taken once there is a way to it. */
	if (r == 0 && json_array_extend(reading.plain, reading.through) < 0)
		r = -ENOMEM;
	json_decref(reading.through);
	if (r == 0) {
		*ret = reading.plain;
		return 0;
	}
	json_decref(reading.plain);
	if (found.code) {
		error_move(err, &found);
		return r;
	}
	return error_sys(err, -r, "read the routes of the network");
}
