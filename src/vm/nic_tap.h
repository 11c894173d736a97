/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The tap device beside an interface: the guest's end of the wire. */
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/netlink.h"

#define NIC_TAP_NAME "hcstap"

/* A tap of nic_tap_make, by its name. */
bool nic_tap_is(const char *name);
/* Makes a tap in the network namespace netns_fd, where nl is a socket, with the mtu given, up and
 * without any address: the host has nothing to say on it. It goes away with its descriptor, which is
 * the result. */
int nic_tap_make(int netns_fd, struct netlink *nl, uint32_t mtu, int *ret_index, struct error *err);
