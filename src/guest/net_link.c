/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/net_parts.h"

#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/fd.h"
#include "base/netns.h"

#define DUMP_TRIES 8
/* Devices of a guest: its tunnels' and loopback ones among them. */
#define FOUND_MAX 256

struct found {
	struct {
		int index;
		unsigned char mac[NET_MAC_LEN];
	} items[FOUND_MAX];
	size_t len;
};

static int read_link(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[IFLA_ADDRESS + 1], *mac;
	struct found *found = data;
	struct ifinfomsg info;
	const size_t skip = NLMSG_ALIGN(sizeof(info));
	int r;

	if (message->type != RTM_NEWLINK)
		return 0;
	if (message->len < skip)
		return -EBADMSG;
	memcpy(&info, message->data, sizeof(info));
	r = netlink_parse((const unsigned char *)message->data + skip, message->len - skip, table,
			  IFLA_ADDRESS);
	if (r < 0)
		return r;
	mac = table[IFLA_ADDRESS];
	if (info.ifi_family != AF_UNSPEC || info.ifi_type != ARPHRD_ETHER || !mac ||
	    netlink_payload_len(mac) != NET_MAC_LEN)
		return 0;
	if (found->len == FOUND_MAX)
		return -E2BIG;
	found->items[found->len].index = info.ifi_index;
	memcpy(found->items[found->len++].mac, netlink_payload(mac), NET_MAC_LEN);
	return 0;
}

static int read_links(struct netlink *nl, struct found *ret)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	int r = -EINTR;

	for (unsigned i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		struct netlink_request rq;

		ret->len = 0;
		netlink_begin(&rq, RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));
		r = netlink_transact(nl, &rq, read_link, ret, NULL);
	}
	return r;
}

static int find(const struct found *found, const struct net_link *link)
{
	for (size_t i = 0; i < found->len; i++)
		if (memcmp(found->items[i].mac, link->mac, NET_MAC_LEN) == 0)
			return found->items[i].index;
	return 0;
}

static int move(struct netlink *outside, int index, int netns_fd, const struct net_link *link,
		struct error *err)
{
	/* Down, as a driver's new device is: else it could not be renamed. */
	const struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_change = IFF_UP,
	};
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWLINK, 0, &header, sizeof(header));
	netlink_put_u32(&rq, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	netlink_put_string(&rq, IFLA_IFNAME, link->name);
	return net_send(outside, &rq, err, "network interface %s: move it in", link->name);
}

int net_links_move(struct netlink *outside, struct netlink *nl, int netns_fd,
		   const struct net_request *request, struct net_devices *ret, struct error *err)
{
	struct found found;
	int r = request->links_len > 0 ? read_links(outside, &found) : 0;

	if (r < 0)
		return error_sys(err, -r, "read the guest's network interfaces");
	for (size_t i = 0; i < request->links_len; i++) {
		const struct net_link *link = &request->links[i];
		int index = find(&found, link);

		if (index == 0)
			return error_set(err, ENODEV,
					 "network interface %s: the virtual machine has no device "
					 "for it",
					 link->name);
		r = move(outside, index, netns_fd, link, err);
		if (r < 0)
			return r;
	}
	/* An index that was taken there is another one now. */
	r = request->links_len > 0 ? read_links(nl, &found) : 0;
	if (r < 0)
		return error_sys(err, -r, "read the guest's network interfaces");
	for (size_t i = 0; i < request->links_len; i++) {
		ret->items[i].link = &request->links[i];
		ret->items[i].index = find(&found, &request->links[i]);
		if (ret->items[i].index == 0)
			return error_set(err, ENODEV, "network interface %s: lost on its way",
					 request->links[i].name);
		ret->len++;
	}
	return 0;
}

struct sysctls {
	const struct net_link *link;
	const char *failed;
};

/* /proc/sys/net shows the namespace of who looks. */
static int write_sysctls(void *data)
{
	struct sysctls *s = data;
	const struct net_link *link = s->link;
	const struct {
		const char *name;
		int value;
	} values[] = {
		{ "accept_dad", link->accept_dad },
		{ "accept_ra", link->accept_ra },
		{ "accept_ra_defrtr", link->accept_ra_defrtr },
		/* After accept_ra, which it changes the meaning of. */
		{ "forwarding", link->forwarding },
		{ "disable_ipv6", link->ipv6_disabled },
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char path[96], text[16];
		int r, len;

		(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", link->name,
			       values[i].name);
		len = snprintf(text, sizeof(text), "%d", values[i].value);
		r = file_write(AT_FDCWD, path, text, (size_t)len);
		/* A guest without IPv6, where none is wanted either. */
		if (r == -ENOENT && link->ipv6_disabled)
			return 0;
		if (r < 0) {
			s->failed = values[i].name;
			return r;
		}
	}
	return 0;
}

static bool has_link_local(const struct net_link *link)
{
	for (size_t i = 0; i < link->addresses_len; i++)
		if (link->addresses[i].local.family == AF_INET6 &&
		    link->addresses[i].scope == RT_SCOPE_LINK)
			return true;
	return false;
}

/* Mtu and, for IPv6, how the kernel makes addresses: not at all where the host's link-local address
 * is known, which is added like any other, so that it is the same however it was made. */
static int set_link(struct netlink *nl, const struct net_device *device, struct error *err)
{
	const struct net_link *link = device->link;
	const struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = device->index,
		.ifi_flags = link->arp ? 0 : IFF_NOARP,
		.ifi_change = IFF_NOARP,
	};
	const uint8_t mode =
		has_link_local(link) ? IN6_ADDR_GEN_MODE_NONE : link->address_generation;
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWLINK, 0, &header, sizeof(header));
	netlink_put_u32(&rq, IFLA_MTU, link->mtu);
	/* A secret of the host's kernel is in IN6_ADDR_GEN_MODE_STABLE_PRIVACY, not in the guest. */
	if (link->has_ipv6 && !link->ipv6_disabled && mode <= IN6_ADDR_GEN_MODE_NONE) {
		size_t spec = netlink_nest(&rq, IFLA_AF_SPEC), inet6 = netlink_nest(&rq, AF_INET6);

		netlink_put(&rq, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
		netlink_nest_end(&rq, inet6);
		netlink_nest_end(&rq, spec);
	}
	return net_send(nl, &rq, err, "network interface %s: set mtu %u", link->name, link->mtu);
}

int net_links_prepare(struct netlink *nl, int netns_fd, const struct net_devices *devices,
		      struct error *err)
{
	for (size_t i = 0; i < devices->len; i++) {
		struct sysctls s = { .link = devices->items[i].link };
		int r = set_link(nl, &devices->items[i], err);

		if (r < 0)
			return r;
		r = s.link->has_ipv6 ? netns_call(netns_fd, write_sysctls, &s) : 0;
		if (r < 0)
			return error_sys(err, -r, "network interface %s: set net.ipv6.conf.%s.%s",
					 s.link->name, s.link->name, s.failed ? s.failed : "*");
	}
	return 0;
}

static int up(struct netlink *nl, int index, const char *name, struct error *err)
{
	const struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWLINK, 0, &header, sizeof(header));
	return net_send(nl, &rq, err, "network interface %s: bring it up", name);
}

int net_links_up(struct netlink *nl, const struct net_devices *devices, struct error *err)
{
	int r = up(nl, net_device_index(devices, "lo"), "lo", err);

	for (size_t i = 0; r == 0 && i < devices->len; i++)
		if (devices->items[i].link->up)
			r = up(nl, devices->items[i].index, devices->items[i].link->name, err);
	return r;
}
