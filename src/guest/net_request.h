/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The request "network" as structs: see vm/nic.h for what its members mean. */
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

#define NET_LINKS_MAX 64
#define NET_ADDRESSES_MAX 1024
#define NET_ROUTES_MAX 4096
#define NET_HOPS_MAX 256
#define NET_METRICS_MAX 32
#define NET_RULES_MAX 256
#define NET_NEIGHBORS_MAX 4096
#define NET_MAC_LEN 6

struct net_ip {
	int family; /* 0: absent */
	unsigned char bytes[16];
};
static inline size_t net_ip_len(const struct net_ip *ip)
{
	return ip->family == AF_INET6 ? 16 : 4;
}

struct net_prefix {
	struct net_ip ip;
	uint8_t length;
};

struct net_address {
	struct net_ip local, peer, broadcast;
	uint8_t prefix, scope;
	uint32_t metric;
	bool noprefixroute, nodad;
	char label[IFNAMSIZ]; /* empty: none */
};

struct net_link {
	unsigned char mac[NET_MAC_LEN];
	char name[IFNAMSIZ];
	uint32_t mtu;
	bool up, arp;
	bool has_ipv6, ipv6_disabled;
	int accept_dad, accept_ra, accept_ra_defrtr, forwarding;
	uint8_t address_generation;
	struct net_address *addresses;
	size_t addresses_len;
};

struct net_hop {
	char device[IFNAMSIZ];
	struct net_ip gateway;
	bool onlink;
	uint8_t weight; /* less one, as the kernel has it */
};

struct net_route {
	struct net_prefix destination, from;
	uint8_t type, protocol, scope, tos, preference;
	bool has_preference;
	uint32_t table, metric;
	struct net_ip source;
	struct {
		uint8_t number;
		uint32_t value;
	} metrics[NET_METRICS_MAX];
	size_t metrics_len;
	struct net_hop *hops;
	size_t hops_len;
};

struct net_rule {
	int family;
	uint32_t priority, table, mark, mask, suppress_prefix;
	uint8_t action, tos;
	bool invert, has_mark, has_mask, has_suppress;
	struct net_prefix from, to;
	char input[IFNAMSIZ], output[IFNAMSIZ];
};

struct net_neighbor {
	char device[IFNAMSIZ];
	struct net_ip address;
	unsigned char mac[NET_MAC_LEN];
};

struct net_request {
	struct net_link *links;
	size_t links_len;
	struct net_route *routes;
	size_t routes_len;
	struct net_rule *rules;
	size_t rules_len;
	struct net_neighbor *neighbors;
	size_t neighbors_len;
};

/* What is parsed belongs to arena. -EINVAL or -E2BIG with the place in the request. */
int net_request_parse(json_t *request, struct arena *arena, struct net_request *ret,
		      struct error *err);
