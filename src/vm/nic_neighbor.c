/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_read.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct reading {
	const struct nic_links *links;
	json_t *neighbors;
};

static int read_neighbor(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[NDA_LLADDR + 1];
	struct reading *reading = data;
	char address[INET6_ADDRSTRLEN], mac[18];
	const unsigned char *m;
	const struct nic_link *link;
	struct ndmsg header;
	json_t *neighbor;
	int r;

	if (message->type != RTM_NEWNEIGH)
		return 0;
	r = nic_attributes(message, sizeof(header), table, NDA_LLADDR);
	if (r < 0)
		return r;
	memcpy(&header, message->data, sizeof(header));
	/* Those that somebody has set: CNI plugins do for gateways that answer no ARP. The guest
	 * finds the others itself. */
	link = nic_links_find(reading->links, (uint32_t)header.ndm_ifindex);
	if (!link || !(header.ndm_state & NUD_PERMANENT) || (header.ndm_flags & NTF_PROXY) ||
	    (header.ndm_family != AF_INET && header.ndm_family != AF_INET6))
		return 0;
	if (!nic_address_text(header.ndm_family, table[NDA_DST], address) || !table[NDA_LLADDR] ||
	    netlink_payload_len(table[NDA_LLADDR]) != NIC_MAC_LEN)
		return 0;
	if (json_array_size(reading->neighbors) == NIC_NEIGHBORS_MAX)
		return -E2BIG;
	m = netlink_payload(table[NDA_LLADDR]);
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		       m[4], m[5]);
	neighbor =
		json_pack("{s:s, s:s, s:s}", "device", link->name, "address", address, "mac", mac);
	if (!neighbor || json_array_append_new(reading->neighbors, neighbor) < 0)
		return -ENOMEM;
	return 0;
}

static void start(void *data)
{
	(void)json_array_clear(((struct reading *)data)->neighbors);
}

int nic_read_neighbors(struct netlink *nl, const struct nic_links *links, json_t **ret,
		       struct error *err)
{
	struct reading reading = { .links = links, .neighbors = json_array() };
	const struct ndmsg header = { .ndm_family = AF_UNSPEC };
	int r = reading.neighbors ? 0 : -ENOMEM;

	if (r == 0)
		r = nic_dump(nl, RTM_GETNEIGH, &header, sizeof(header), read_neighbor, start,
			     &reading);
	if (r < 0) {
		json_decref(reading.neighbors);
		return error_sys(err, -r, "read the neighbours of the network");
	}
	*ret = reading.neighbors;
	return 0;
}
