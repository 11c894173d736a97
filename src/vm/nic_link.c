/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_read.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "vm/nic_tap.h"

#define DUMP_TRIES 8

int nic_dump(struct netlink *nl, uint16_t type, const void *header, size_t header_len,
	     netlink_reader reader, void (*start)(void *data), void *data)
{
	int r = -EINTR;

	for (unsigned i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		struct netlink_request rq;

		if (start)
			start(data);
		netlink_begin(&rq, type, NLM_F_DUMP, header, header_len);
		r = netlink_transact(nl, &rq, reader, data, NULL);
	}
	return r;
}

int nic_attributes(const struct netlink_message *message, size_t header_len,
		   const struct nlattr **table, size_t max)
{
	const size_t skip = NLMSG_ALIGN(header_len);

	if (message->len < skip)
		return -EBADMSG;
	return netlink_parse((const unsigned char *)message->data + skip, message->len - skip,
			     table, max);
}

const char *nic_address_text(int family, const struct nlattr *attr, char *buf)
{
	const size_t len = family == AF_INET6 ? 16 : 4;

	if (!attr || netlink_payload_len(attr) != len)
		return NULL;
	return inet_ntop(family, netlink_payload(attr), buf, INET6_ADDRSTRLEN);
}

int nic_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

struct reading {
	struct nic_links *links;
	struct error *err;
};

static void read_kind(const struct nlattr *info, char *kind, size_t size)
{
	const struct nlattr *table[IFLA_INFO_KIND + 1];
	const char *text;

	*kind = '\0';
	if (!info || netlink_parse(netlink_payload(info), netlink_payload_len(info), table,
				   IFLA_INFO_KIND) < 0)
		return;
	text = netlink_string(table[IFLA_INFO_KIND]);
	if (text)
		(void)snprintf(kind, size, "%s", text);
}

/* The sysctls of net.ipv6.conf.NAME: an array of integers, indexed by DEVCONF_. */
static int devconf(const struct nlattr *conf, size_t index, int otherwise)
{
	int32_t value;

	if (!conf || netlink_payload_len(conf) < (index + 1) * sizeof(value))
		return otherwise;
	memcpy(&value, (const unsigned char *)netlink_payload(conf) + index * sizeof(value),
	       sizeof(value));
	return value;
}

static void read_ipv6(const struct nlattr *spec, struct nic_link *link)
{
	const struct nlattr *families[AF_INET6 + 1], *table[IFLA_INET6_ADDR_GEN_MODE + 1], *conf;

	if (!spec ||
	    netlink_parse(netlink_payload(spec), netlink_payload_len(spec), families, AF_INET6) <
		    0 ||
	    !families[AF_INET6] ||
	    netlink_parse(netlink_payload(families[AF_INET6]),
			  netlink_payload_len(families[AF_INET6]), table,
			  IFLA_INET6_ADDR_GEN_MODE) < 0)
		return;
	conf = table[IFLA_INET6_CONF];
	link->has_ipv6 = true;
	link->ipv6_disabled = devconf(conf, DEVCONF_DISABLE_IPV6, 0) != 0;
	link->accept_dad = devconf(conf, DEVCONF_ACCEPT_DAD, 1);
	link->accept_ra = devconf(conf, DEVCONF_ACCEPT_RA, 0);
	link->accept_ra_defrtr = devconf(conf, DEVCONF_ACCEPT_RA_DEFRTR, 0);
	link->forwarding = devconf(conf, DEVCONF_FORWARDING, 0);
	if (table[IFLA_INET6_ADDR_GEN_MODE] &&
	    netlink_payload_len(table[IFLA_INET6_ADDR_GEN_MODE]) == sizeof(uint8_t))
		memcpy(&link->address_generation, netlink_payload(table[IFLA_INET6_ADDR_GEN_MODE]),
		       sizeof(uint8_t));
}

/* Frames of what is stacked on another interface of the namespace, or is a port of one, pass through
 * both: a redirect of one would take them from the other. */
static int check_stacking(const struct nlattr **table, const struct nic_link *link,
			  const char *kind, struct error *err)
{
	const uint32_t lower = netlink_u32(table[IFLA_LINK], 0);

	if (netlink_u32(table[IFLA_MASTER], 0))
		return error_set(err, EOPNOTSUPP,
				 "network interface %s: is a port of another one; a virtual "
				 "machine cannot have it (use process isolation)",
				 link->name);
	/* A veth's "link" is its other end, which may be here as well. */
	if (lower && lower != (uint32_t)link->index && !table[IFLA_LINK_NETNSID] &&
	    strcmp(kind, "veth") != 0)
		return error_set(err, EOPNOTSUPP,
				 "network interface %s: a %s on another interface of the same "
				 "network namespace; a virtual machine cannot have it (use process "
				 "isolation)",
				 link->name, *kind ? kind : "device");
	return 0;
}

static int add_link(struct reading *reading, const struct ifinfomsg *info,
		    const struct nlattr **table, struct nic_link *link)
{
	static const unsigned char none[NIC_MAC_LEN];
	struct nic_links *links = reading->links;
	const struct nlattr *mac = table[IFLA_ADDRESS];
	const bool ethernet =
		info->ifi_type == ARPHRD_ETHER && mac && netlink_payload_len(mac) == NIC_MAC_LEN;
	char kind[32];
	int r;

	if (ethernet)
		memcpy(link->mac, netlink_payload(mac), NIC_MAC_LEN);
	/* Tunnel drivers put an unused tunl0, sit0, gretap0 … into each new namespace. */
	if (!(link->flags & IFF_UP) && (!ethernet || memcmp(link->mac, none, NIC_MAC_LEN) == 0))
		return 0;
	if (!ethernet || memcmp(link->mac, none, NIC_MAC_LEN) == 0 || (link->mac[0] & 1))
		return error_set(reading->err, EOPNOTSUPP,
				 "network interface %s: not an Ethernet one with an address of its "
				 "own; a virtual machine cannot have it (use process isolation)",
				 link->name);
	read_kind(table[IFLA_LINKINFO], kind, sizeof(kind));
	r = check_stacking(table, link, kind, reading->err);
	if (r < 0)
		return r;
	if (links->len == VM_NICS_MAX)
		return error_set(reading->err, E2BIG,
				 "network interface %s: a virtual machine can have no more than %d",
				 link->name, VM_NICS_MAX);
	/* The guest knows an interface by its address, as ipvlan's have not. */
	for (size_t i = 0; i < links->len; i++)
		if (memcmp(links->items[i].mac, link->mac, NIC_MAC_LEN) == 0)
			return error_set(reading->err, EOPNOTSUPP,
					 "network interfaces %s and %s have the same hardware "
					 "address; a virtual machine cannot have both",
					 links->items[i].name, link->name);
	links->items[links->len++] = *link;
	return 0;
}

static int read_link(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[IFLA_LINK_NETNSID + 1];
	struct reading *reading = data;
	struct ifinfomsg info;
	struct nic_link link = { 0 };
	const char *name;
	int r;

	if (message->type != RTM_NEWLINK)
		return 0;
	r = nic_attributes(message, sizeof(info), table, IFLA_LINK_NETNSID);
	if (r < 0)
		return r;
	memcpy(&info, message->data, sizeof(info));
	/* A dump of all families repeats ports of bridges under AF_BRIDGE. */
	if (info.ifi_family != AF_UNSPEC)
		return 0;
	name = netlink_string(table[IFLA_IFNAME]);
	if (!name || strlen(name) >= sizeof(link.name))
		return -EBADMSG;
	memcpy(link.name, name, strlen(name) + 1);
	link.index = info.ifi_index;
	link.flags = info.ifi_flags;
	link.mtu = netlink_u32(table[IFLA_MTU], 1500);
	if (info.ifi_flags & IFF_LOOPBACK) {
		reading->links->loopback = info.ifi_index;
		return 0;
	}
	if (nic_tap_is(name)) {
		reading->links->has_taps = true;
		return 0;
	}
	read_ipv6(table[IFLA_AF_SPEC], &link);
	return add_link(reading, &info, table, &link);
}

static void start(void *data)
{
	struct reading *reading = data;

	error_done(reading->err);
	*reading->links = (struct nic_links){ 0 };
}

int nic_read_links(struct netlink *nl, struct nic_links *ret, struct error *err)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	_cleanup_error_ struct error found = ERROR_INIT;
	struct reading reading = { .links = ret, .err = &found };
	int r = nic_dump(nl, RTM_GETLINK, &header, sizeof(header), read_link, start, &reading);

	if (r < 0 && found.code) {
		error_move(err, &found);
		return r;
	}
	return r < 0 ? error_sys(err, -r, "read the network interfaces") : 0;
}

const struct nic_link *nic_links_find(const struct nic_links *links, uint32_t index)
{
	for (size_t i = 0; i < links->len; i++)
		if ((uint32_t)links->items[i].index == index)
			return &links->items[i];
	return NULL;
}

const char *nic_links_name(const struct nic_links *links, uint32_t index)
{
	const struct nic_link *link = nic_links_find(links, index);

	if (link)
		return link->name;
	return links->loopback > 0 && index == (uint32_t)links->loopback ? "lo" : NULL;
}
