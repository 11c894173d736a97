/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The steps of guest_net_configure. nl is a socket in the namespace that is set up. */
#include "base/netlink.h"
#include "guest/net_request.h"

struct net_device {
	int index; /* in the namespace that is set up */
	const struct net_link *link;
};
struct net_devices {
	struct net_device items[NET_LINKS_MAX];
	size_t len;
};

/* Finds the links in the namespace of outside, moves them to netns_fd. */
int net_links_move(struct netlink *outside, struct netlink *nl, int netns_fd,
		   const struct net_request *request, struct net_devices *ret, struct error *err);
/* What must be set while a link is down: its sysctls, how it makes addresses. */
int net_links_prepare(struct netlink *nl, int netns_fd, const struct net_devices *devices,
		      struct error *err);
/* lo, and those that are up on the host. */
int net_links_up(struct netlink *nl, const struct net_devices *devices, struct error *err);
int net_addresses_add(struct netlink *nl, const struct net_devices *devices, struct error *err);
int net_routes_add(struct netlink *nl, const struct net_devices *devices,
		   const struct net_request *request, struct error *err);
int net_rules_add(struct netlink *nl, const struct net_request *request, struct error *err);
int net_neighbors_add(struct netlink *nl, const struct net_devices *devices,
		      const struct net_request *request, struct error *err);

/* The index of a link by its name, lo as well; 0: none. */
int net_device_index(const struct net_devices *devices, const char *name);
/* An attribute with an address. */
void net_put_ip(struct netlink_request *rq, uint16_t type, const struct net_ip *ip);
/* Sends the request; a failure becomes "what: cause: the kernel's explanation". */
int net_send(struct netlink *nl, struct netlink_request *rq, struct error *err, const char *fmt,
	     ...) __attribute__((format(printf, 4, 5)));
/* The address as text; buf has INET6_ADDRSTRLEN bytes. */
const char *net_ip_text(const struct net_ip *ip, char *buf);
