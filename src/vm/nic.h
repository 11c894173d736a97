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
	/* The request for the agent (wire/message.h, "network"): "links" [{"mac", "name", "mtu",
	 * "up", "addresses": ["10.1.2.3/24", …]}], "routes" [{"destination", "gateway", "device",
	 * "source", "metric", "scope", …}], "neighbors". Owned; NULL: only loopback. */
	json_t *request;
};
#define NIC_PLAN_INIT ((struct nic_plan){ 0 })

/* Looks at every interface but lo of the network namespace netns_fd and attaches each. The caller's
 * own namespace never changes. Undone when it fails. */
int nic_attach(int netns_fd, struct nic_plan *ret, struct error *err);
/* Takes taps and redirects away again (a create that failed; the namespace outlives the VM). What is
 * not there is no error. */
int nic_detach(int netns_fd, struct error *err);
void nic_plan_done(struct nic_plan *plan);
