/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a network namespace holds, read over netlink: rtnetlink(7). Every function here wants a socket
 * in that namespace and asks again when a dump was broken off by a change. */
#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/netlink.h"
#include "vm/nic.h"

/* Limits on what a namespace may hold, so that the request for the agent stays bounded. */
#define NIC_ADDRESSES_MAX 1024
#define NIC_ROUTES_MAX 4096
#define NIC_NEIGHBORS_MAX 4096
#define NIC_RULES_MAX 256

#define NIC_MAC_LEN 6

struct nic_link {
	int index;
	char name[IFNAMSIZ];
	unsigned char mac[NIC_MAC_LEN];
	uint32_t mtu, flags; /* IFF_ */
	bool has_ipv6;       /* the kernel keeps IPv6 for it */
	bool ipv6_disabled;
	int accept_dad, accept_ra, accept_ra_defrtr, forwarding; /* sysctls of net.ipv6.conf */
	uint8_t address_generation;                              /* enum in6_addr_gen_mode */
};

struct nic_links {
	struct nic_link items[VM_NICS_MAX];
	size_t len;
	int loopback;  /* index of lo */
	bool has_taps; /* of nic_attach: another VM has the namespace */
};

/* Every interface that a VM is to have. -EINVAL, -E2BIG or -EOPNOTSUPP for what it cannot have. */
int nic_read_links(struct netlink *nl, struct nic_links *ret, struct error *err);
/* The interface of that index; NULL: none. */
const struct nic_link *nic_links_find(const struct nic_links *links, uint32_t index);
/* Its name, "lo" included; NULL: none that a VM has. */
const char *nic_links_name(const struct nic_links *links, uint32_t index);

/* The parts of nic_plan.request as arrays, new references in *ret. */
int nic_read_addresses(struct netlink *nl, const struct nic_links *links, json_t **ret,
		       struct error *err); /* an array for each link, in order */
int nic_read_routes(struct netlink *nl, const struct nic_links *links, json_t **ret,
		    struct error *err);
int nic_read_rules(struct netlink *nl, json_t **ret, struct error *err);
int nic_read_neighbors(struct netlink *nl, const struct nic_links *links, json_t **ret,
		       struct error *err);

/* Helpers of the readers. */

/* Sends a dump request for type with the family's header; start (may be NULL) makes data empty
 * before each try. */
int nic_dump(struct netlink *nl, uint16_t type, const void *header, size_t header_len,
	     netlink_reader reader, void (*start)(void *data), void *data);
/* The attributes behind the family's header of header_len bytes. -EBADMSG. */
int nic_attributes(const struct netlink_message *message, size_t header_len,
		   const struct nlattr **table, size_t max);
/* An address attribute as text ("10.0.0.1", "fe80::1", "aa:bb:…" by its length); NULL when it is
 * absent or of another length than family says. buf has INET6_ADDRSTRLEN bytes. */
const char *nic_address_text(int family, const struct nlattr *attr, char *buf);
/* object[key] = value, which is taken. -ENOMEM. */
int nic_put(json_t *object, const char *key, json_t *value);
