/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_read.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The prefix routes that the kernel has made for addresses: where one is missing (some CNI plugins
 * take it away) the guest must not make it. */
struct prefix {
	int family, index;
	unsigned char length, bytes[16];
};

struct reading {
	const struct nic_links *links;
	json_t *arrays;
	struct prefix *prefixes; /* owned */
	size_t prefixes_len, addresses_len;
	int error;
};

static void mask(const unsigned char *address, struct prefix *p)
{
	const size_t whole = p->length / 8, size = p->family == AF_INET6 ? 16 : 4;

	memset(p->bytes, 0, sizeof(p->bytes));
	memcpy(p->bytes, address, whole < size ? whole : size);
	if (whole < size && p->length % 8)
		p->bytes[whole] = address[whole] & (unsigned char)(0xff00 >> (p->length % 8));
}

static int read_prefix(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[RTA_TABLE + 1];
	struct reading *reading = data;
	struct prefix *more, p;
	struct rtmsg header;
	int r;

	if (message->type != RTM_NEWROUTE)
		return 0;
	r = nic_attributes(message, sizeof(header), table, RTA_TABLE);
	if (r < 0)
		return r;
	memcpy(&header, message->data, sizeof(header));
	if (header.rtm_protocol != RTPROT_KERNEL || header.rtm_type != RTN_UNICAST ||
	    !table[RTA_DST])
		return 0;
	p = (struct prefix){
		.family = header.rtm_family,
		.index = (int)netlink_u32(table[RTA_OIF], 0),
		.length = header.rtm_dst_len,
	};
	if (!nic_links_find(reading->links, (uint32_t)p.index))
		return 0;
	if (netlink_payload_len(table[RTA_DST]) != (p.family == AF_INET6 ? 16u : 4u))
		return -EBADMSG;
	if (reading->prefixes_len == NIC_ROUTES_MAX)
		return -E2BIG;
	mask(netlink_payload(table[RTA_DST]), &p);
	more = reallocarray(reading->prefixes, reading->prefixes_len + 1, sizeof(p));
	if (!more)
		return -ENOMEM;
	more[reading->prefixes_len++] = p;
	reading->prefixes = more;
	return 0;
}

static bool same(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->index == b->index && a->length == b->length &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool has_prefix(const struct reading *reading, int family, int index,
		       const unsigned char *address, unsigned char length)
{
	struct prefix p = { .family = family, .index = index, .length = length };

	mask(address, &p);
	for (size_t i = 0; i < reading->prefixes_len; i++)
		if (same(&reading->prefixes[i], &p))
			return true;
	return false;
}

/* Whether the kernel was told to make no route for the address, or what it made was taken away. */
static bool without_route(const struct reading *reading, const struct nic_link *link,
			  const struct ifaddrmsg *info, uint32_t flags, bool has_peer,
			  const unsigned char *prefix)
{
	if (flags & IFA_F_NOPREFIXROUTE)
		return true;
	/* Where the kernel makes none in any case, or not this one. */
	if (!(link->flags & IFF_UP) || info->ifa_prefixlen == 0 ||
	    (info->ifa_family == AF_INET && info->ifa_prefixlen == 32 && !has_peer) ||
	    (info->ifa_family == AF_INET6 && has_peer))
		return false;
	return !has_prefix(reading, info->ifa_family, link->index, prefix, info->ifa_prefixlen);
}

static int describe(struct reading *reading, const struct nic_link *link,
		    const struct ifaddrmsg *info, const struct nlattr **table, json_t *address)
{
	const uint32_t flags = netlink_u32(table[IFA_FLAGS], info->ifa_flags);
	const struct nlattr *local = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
	const char *label = netlink_string(table[IFA_LABEL]), *text;
	char buf[INET6_ADDRSTRLEN];
	const unsigned char *prefix;
	bool has_peer;
	int r = 0;

	text = nic_address_text(info->ifa_family, local, buf);
	if (!text)
		return -EBADMSG;
	r = nic_put(address, "address", json_string(text));
	if (r == 0)
		r = nic_put(address, "prefix", json_integer(info->ifa_prefixlen));
	if (r == 0)
		r = nic_put(address, "scope", json_integer(info->ifa_scope));
	text = nic_address_text(info->ifa_family, table[IFA_ADDRESS], buf);
	prefix = netlink_payload(text ? table[IFA_ADDRESS] : local);
	has_peer = text && memcmp(netlink_payload(table[IFA_ADDRESS]), netlink_payload(local),
				  netlink_payload_len(local)) != 0;
	if (r == 0 && has_peer)
		r = nic_put(address, "peer", json_string(text));
	text = nic_address_text(info->ifa_family, table[IFA_BROADCAST], buf);
	if (r == 0 && text)
		r = nic_put(address, "broadcast", json_string(text));
	if (r == 0 && label && strcmp(label, link->name) != 0)
		r = nic_put(address, "label", json_string(label));
	if (r == 0 && netlink_u32(table[IFA_RT_PRIORITY], 0))
		r = nic_put(address, "metric",
			    json_integer(netlink_u32(table[IFA_RT_PRIORITY], 0)));
	if (r == 0 && without_route(reading, link, info, flags, has_peer, prefix))
		r = nic_put(address, "noprefixroute", json_true());
	/* Found to be nobody else's, or not to be asked about: nor does the guest ask, which would
	 * keep it waiting for a second. */
	if (r == 0 && info->ifa_family == AF_INET6 && !(flags & IFA_F_TENTATIVE))
		r = nic_put(address, "nodad", json_true());
	return r;
}

static int read_address(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[IFA_RT_PRIORITY + 1];
	struct reading *reading = data;
	const struct nic_link *link;
	struct ifaddrmsg info;
	uint32_t flags;
	json_t *address;
	int r;

	if (message->type != RTM_NEWADDR)
		return 0;
	r = nic_attributes(message, sizeof(info), table, IFA_RT_PRIORITY);
	if (r < 0)
		return r;
	memcpy(&info, message->data, sizeof(info));
	link = nic_links_find(reading->links, info.ifa_index);
	if (!link || (info.ifa_family != AF_INET && info.ifa_family != AF_INET6))
		return 0;
	/* What was learnt from router advertisements the guest learns itself. An address that was
	 * found to be somebody else's is none. */
	flags = netlink_u32(table[IFA_FLAGS], info.ifa_flags);
	if (info.ifa_family == AF_INET6 &&
	    (!(flags & IFA_F_PERMANENT) || (flags & IFA_F_DADFAILED)))
		return 0;
	if (++reading->addresses_len > NIC_ADDRESSES_MAX)
		return -E2BIG;
	if (!table[IFA_ADDRESS] && !table[IFA_LOCAL])
		return -EBADMSG;
	address = json_object();
	if (!address)
		return -ENOMEM;
	r = describe(reading, link, &info, table, address);
	if (r < 0 || json_array_append(json_array_get(reading->arrays,
						      (size_t)(link - reading->links->items)),
				       address) < 0)
		r = r < 0 ? r : -ENOMEM;
	json_decref(address);
	return r;
}

static void start_prefixes(void *data)
{
	((struct reading *)data)->prefixes_len = 0;
}

static void start_addresses(void *data)
{
	struct reading *reading = data;

	reading->addresses_len = 0;
	for (size_t i = 0; i < json_array_size(reading->arrays); i++)
		(void)json_array_clear(json_array_get(reading->arrays, i));
}

int nic_read_addresses(struct netlink *nl, const struct nic_links *links, json_t **ret,
		       struct error *err)
{
	struct reading reading = { .links = links, .arrays = json_array() };
	const struct rtmsg routes = { .rtm_family = AF_UNSPEC };
	const struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int r = reading.arrays ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < links->len; i++)
		if (json_array_append_new(reading.arrays, json_array()) < 0)
			r = -ENOMEM;
	if (r == 0)
		r = nic_dump(nl, RTM_GETROUTE, &routes, sizeof(routes), read_prefix, start_prefixes,
			     &reading);
	if (r == 0)
		r = nic_dump(nl, RTM_GETADDR, &addresses, sizeof(addresses), read_address,
			     start_addresses, &reading);
	free(reading.prefixes);
	if (r < 0) {
		json_decref(reading.arrays);
		return error_sys(err, -r, "read the addresses of the network interfaces");
	}
	*ret = reading.arrays;
	return 0;
}
