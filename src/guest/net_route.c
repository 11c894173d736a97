/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/net_parts.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* A gateway of the other family goes by RTA_VIA: RFC 5549. */
static void put_gateway(struct netlink_request *rq, int family, const struct net_ip *gateway)
{
	struct {
		sa_family_t family;
		unsigned char bytes[16];
	} __attribute__((packed)) via = { .family = (sa_family_t)gateway->family };

	if (gateway->family == 0)
		return;
	if (gateway->family == family) {
		net_put_ip(rq, RTA_GATEWAY, gateway);
		return;
	}
	memcpy(via.bytes, gateway->bytes, net_ip_len(gateway));
	netlink_put(rq, RTA_VIA, &via, sizeof(via.family) + net_ip_len(gateway));
}

/* struct rtnexthop begins as an attribute does, with its length: the third and fourth bytes, there
 * the type, are its flags and weight. */
static void put_hops(struct netlink_request *rq, const struct net_devices *devices,
		     const struct net_route *route)
{
	size_t all = netlink_nest(rq, RTA_MULTIPATH);

	for (size_t i = 0; i < route->hops_len; i++) {
		const struct net_hop *hop = &route->hops[i];
		const int32_t index = net_device_index(devices, hop->device);
		const struct rtnexthop head = {
			.rtnh_flags = hop->onlink ? RTNH_F_ONLINK : 0,
			.rtnh_hops = hop->weight,
		};
		size_t at = rq->len;
		uint16_t type;

		memcpy(&type, &head.rtnh_flags, sizeof(type));
		netlink_put(rq, type, &index, sizeof(index));
		put_gateway(rq, route->destination.ip.family, &hop->gateway);
		netlink_nest_end(rq, at);
	}
	netlink_nest_end(rq, all);
}

static void put_metrics(struct netlink_request *rq, const struct net_route *route)
{
	size_t at;

	if (route->metrics_len == 0)
		return;
	at = netlink_nest(rq, RTA_METRICS);
	for (size_t i = 0; i < route->metrics_len; i++)
		netlink_put_u32(rq, route->metrics[i].number, route->metrics[i].value);
	netlink_nest_end(rq, at);
}

static int add_route(struct netlink *nl, const struct net_devices *devices,
		     const struct net_route *t, struct error *err)
{
	const struct net_hop *only = t->hops_len == 1 ? t->hops : NULL;
	const int family = t->destination.ip.family;
	const struct rtmsg header = {
		.rtm_family = (uint8_t)family,
		.rtm_dst_len = t->destination.length,
		.rtm_src_len = t->from.length,
		.rtm_tos = t->tos,
		.rtm_table = t->table < 256 ? (uint8_t)t->table : RT_TABLE_COMPAT,
		.rtm_protocol = t->protocol,
		.rtm_scope = t->scope,
		.rtm_type = t->type,
		.rtm_flags = only && only->onlink ? RTNH_F_ONLINK : 0,
	};
	/* IPv4 may have two that differ in nothing that it compares; IPv6 would join them. */
	const uint16_t how = family == AF_INET ? NLM_F_APPEND : NLM_F_REPLACE;
	char text[INET6_ADDRSTRLEN];
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWROUTE, NLM_F_CREATE | how, &header, sizeof(header));
	if (t->destination.length > 0)
		net_put_ip(&rq, RTA_DST, &t->destination.ip);
	if (t->from.length > 0)
		net_put_ip(&rq, RTA_SRC, &t->from.ip);
	netlink_put_u32(&rq, RTA_TABLE, t->table);
	if (t->metric)
		netlink_put_u32(&rq, RTA_PRIORITY, t->metric);
	if (t->source.family)
		net_put_ip(&rq, RTA_PREFSRC, &t->source);
	if (t->has_preference)
		netlink_put(&rq, RTA_PREF, &t->preference, sizeof(t->preference));
	put_metrics(&rq, t);
	if (only) {
		netlink_put_u32(&rq, RTA_OIF, (uint32_t)net_device_index(devices, only->device));
		put_gateway(&rq, family, &only->gateway);
	} else if (t->hops_len > 1) {
		put_hops(&rq, devices, t);
	}
	return net_send(nl, &rq, err, "network: add the route to %s/%u",
			net_ip_text(&t->destination.ip, text), t->destination.length);
}

int net_routes_add(struct netlink *nl, const struct net_devices *devices,
		   const struct net_request *request, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->routes_len; i++) {
		const struct net_route *t = &request->routes[i];

		for (size_t k = 0; k < t->hops_len; k++)
			if (net_device_index(devices, t->hops[k].device) == 0)
				return error_set(
					err, EINVAL,
					"network.routes[%zu].hops[%zu].device: no such link", i, k);
		r = add_route(nl, devices, t, err);
	}
	return r;
}

static int add_rule(struct netlink *nl, const struct net_rule *u, struct error *err)
{
	const struct fib_rule_hdr header = {
		.family = (uint8_t)u->family,
		.dst_len = u->to.length,
		.src_len = u->from.length,
		.tos = u->tos,
		.table = u->table < 256 ? (uint8_t)u->table : RT_TABLE_COMPAT,
		.action = u->action,
		.flags = u->invert ? FIB_RULE_INVERT : 0,
	};
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	netlink_put_u32(&rq, FRA_PRIORITY, u->priority);
	if (u->table)
		netlink_put_u32(&rq, FRA_TABLE, u->table);
	if (u->from.length > 0)
		net_put_ip(&rq, FRA_SRC, &u->from.ip);
	if (u->to.length > 0)
		net_put_ip(&rq, FRA_DST, &u->to.ip);
	if (*u->input)
		netlink_put_string(&rq, FRA_IIFNAME, u->input);
	if (*u->output)
		netlink_put_string(&rq, FRA_OIFNAME, u->output);
	if (u->has_mark)
		netlink_put_u32(&rq, FRA_FWMARK, u->mark);
	if (u->has_mask)
		netlink_put_u32(&rq, FRA_FWMASK, u->mask);
	if (u->has_suppress)
		netlink_put_u32(&rq, FRA_SUPPRESS_PREFIXLEN, u->suppress_prefix);
	return net_send(nl, &rq, err, "network: add the routing rule with priority %u",
			u->priority);
}

int net_rules_add(struct netlink *nl, const struct net_request *request, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->rules_len; i++)
		r = add_rule(nl, &request->rules[i], err);
	return r;
}
