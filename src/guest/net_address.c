/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/net_parts.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

static int add(struct netlink *nl, const struct net_device *device, const struct net_address *a,
	       struct error *err)
{
	const struct ifaddrmsg header = {
		.ifa_family = (uint8_t)a->local.family,
		.ifa_prefixlen = a->prefix,
		.ifa_scope = a->scope,
		.ifa_index = (uint32_t)device->index,
	};
	const uint32_t flags =
		(a->noprefixroute ? IFA_F_NOPREFIXROUTE : 0) | (a->nodad ? IFA_F_NODAD : 0);
	char text[INET6_ADDRSTRLEN];
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	net_put_ip(&rq, IFA_LOCAL, &a->local);
	net_put_ip(&rq, IFA_ADDRESS, a->peer.family ? &a->peer : &a->local);
	if (a->broadcast.family)
		net_put_ip(&rq, IFA_BROADCAST, &a->broadcast);
	if (a->local.family == AF_INET)
		netlink_put_string(&rq, IFA_LABEL, *a->label ? a->label : device->link->name);
	if (a->metric)
		netlink_put_u32(&rq, IFA_RT_PRIORITY, a->metric);
	netlink_put_u32(&rq, IFA_FLAGS, flags);
	return net_send(nl, &rq, err, "network interface %s: add %s/%u", device->link->name,
			net_ip_text(&a->local, text), a->prefix);
}

int net_addresses_add(struct netlink *nl, const struct net_devices *devices, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < devices->len; i++)
		for (size_t k = 0; r == 0 && k < devices->items[i].link->addresses_len; k++)
			r = add(nl, &devices->items[i], &devices->items[i].link->addresses[k], err);
	return r;
}

static int add_neighbor(struct netlink *nl, int index, const struct net_neighbor *n,
			struct error *err)
{
	const struct ndmsg header = {
		.ndm_family = (uint8_t)n->address.family,
		.ndm_ifindex = index,
		.ndm_state = NUD_PERMANENT,
	};
	char text[INET6_ADDRSTRLEN];
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	net_put_ip(&rq, NDA_DST, &n->address);
	netlink_put(&rq, NDA_LLADDR, n->mac, sizeof(n->mac));
	return net_send(nl, &rq, err, "network interface %s: add the neighbour %s", n->device,
			net_ip_text(&n->address, text));
}

int net_neighbors_add(struct netlink *nl, const struct net_devices *devices,
		      const struct net_request *request, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->neighbors_len; i++) {
		const struct net_neighbor *n = &request->neighbors[i];
		int index = net_device_index(devices, n->device);

		r = index ? add_neighbor(nl, index, n, err)
			  : error_set(err, EINVAL, "network.neighbors[%zu].device: no such link",
				      i);
	}
	return r;
}
