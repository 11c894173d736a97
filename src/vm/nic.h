/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The interfaces of a network namespace, handed to a VM: for each one a tap device beside it and
 * tc redirects both ways, so that the guest's interface is on the wire in its place; addresses,
 * routes and neighbours are read here and set by the agent in the guest (guest/net.h). Needs
 * CAP_NET_ADMIN. The interfaces and their addresses stay in the namespace: others look them up
 * there (docker network inspect, CNI's check), but the host's kernel does not answer for them.
 */
#include <jansson.h>

#include "base/error.h"
#include "vm/settings.h"

struct nic_plan {
	struct vm_nic nics[VM_NICS_MAX]; /* tap_fd: owned, in the caller */
	size_t len;
	/* The request for the agent (wire/message.h, "network"), owned; NULL: only loopback.
	 * Numbers are the kernel's own (rtnetlink(7)); what is false or absent is left out, but
	 * for "up" and "arp".
	 *  "links" [{"mac", "name", "mtu", "up", "arp",
	 *    "ipv6" (absent: the host has none) {"disabled", "accept_dad", "accept_ra",
	 *            "accept_ra_defrtr", "forwarding", "address_generation"},
	 *    "addresses" [{"address", "prefix", "scope", "peer", "broadcast", "label", "metric",
	 *                  "noprefixroute", "nodad"}]}]
	 *  "routes" [{"destination": "10.0.0.0/8", "from", "type", "table", "protocol", "scope",
	 *    "tos", "metric", "source", "preference", "metrics": [[RTAX, value], …],
	 *    "hops": [{"device", "gateway", "onlink", "weight"}]}], in an order to add them in;
	 *    those that the kernel makes for addresses are left out
	 *  "rules" [{"family": 4 or 6, "priority", "action", "table", "tos", "invert", "from",
	 *    "to", "input", "output", "mark", "mask", "suppress_prefix"}], beside the usual
	 *  "neighbors" [{"device", "address", "mac"}]: the permanent ones */
	json_t *request;
};
#define NIC_PLAN_INIT ((struct nic_plan){ 0 })

/* Looks at every interface but lo of the network namespace netns_fd and attaches each. The caller's
 * own namespace never changes. Undone when it fails. -EBUSY: another VM has the namespace.
 * -EOPNOTSUPP: an interface or a route that a VM cannot have, or the host's kernel lacks what is
 * needed. What a VM that was killed has left there is replaced. */
int nic_attach(int netns_fd, struct nic_plan *ret, struct error *err);
/* Takes taps and redirects away again (a create that failed; the namespace outlives the VM). What is
 * not there is no error. */
int nic_detach(int netns_fd, struct error *err);
/* The same for a VM that has ended, whose taps went with it: where one is left another VM has the
 * namespace by now, and nothing is touched. */
int nic_give_back(int netns_fd, struct error *err);
void nic_plan_done(struct nic_plan *plan);
