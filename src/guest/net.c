/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/net.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>

#include "guest/net_parts.h"

#define LOOPBACK_INDEX 1 /* in every network namespace */

int net_device_index(const struct net_devices *devices, const char *name)
{
	for (size_t i = 0; i < devices->len; i++)
		if (strcmp(devices->items[i].link->name, name) == 0)
			return devices->items[i].index;
	return strcmp(name, "lo") == 0 ? LOOPBACK_INDEX : 0;
}

void net_put_ip(struct netlink_request *rq, uint16_t type, const struct net_ip *ip)
{
	netlink_put(rq, type, ip->bytes, net_ip_len(ip));
}

const char *net_ip_text(const struct net_ip *ip, char *buf)
{
	const char *text = inet_ntop(ip->family, ip->bytes, buf, INET6_ADDRSTRLEN);

	return text ? text : "?";
}

int net_send(struct netlink *nl, struct netlink_request *rq, struct error *err, const char *fmt,
	     ...)
{
	_cleanup_free_ char *why = NULL, *what = NULL;
	va_list args;
	int r = netlink_transact(nl, rq, NULL, NULL, &why);

	if (r >= 0)
		return r;
	va_start(args, fmt);
	if (vasprintf(&what, fmt, args) < 0)
		what = NULL;
	va_end(args);
	if (!what)
		return error_oom(err);
	if (why)
		return error_set(err, -r, "%s: %s: %s", what, strerror(-r), why);
	return error_sys(err, -r, "%s", what);
}

int guest_net_configure(json_t *request, int netns_fd, struct error *err)
{
	_cleanup_netlink_ struct netlink outside = NETLINK_INIT, nl = NETLINK_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct net_devices devices = { 0 };
	struct net_request parsed;
	int r = net_request_parse(request, &arena, &parsed, err);

	if (r < 0)
		return r;
	r = netlink_open(&outside, NETLINK_ROUTE);
	if (r == 0)
		r = netlink_open_in(&nl, NETLINK_ROUTE, netns_fd);
	if (r < 0)
		return error_sys(err, -r, "open the guest's network");
	r = net_links_move(&outside, &nl, netns_fd, &parsed, &devices, err);
	if (r == 0)
		r = net_links_prepare(&nl, netns_fd, &devices, err);
	if (r == 0)
		r = net_addresses_add(&nl, &devices, err);
	if (r == 0)
		r = net_links_up(&nl, &devices, err);
	if (r == 0)
		r = net_neighbors_add(&nl, &devices, &parsed, err);
	if (r == 0)
		r = net_routes_add(&nl, &devices, &parsed, err);
	return r == 0 ? net_rules_add(&nl, &parsed, err) : r;
}
