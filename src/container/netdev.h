/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.netDevices: host interfaces handed to the container's network namespace. */
#include "base/error.h"
#include "oci/spec.h"

/* Moves each into the namespace netns_fd, renames it where asked, and gives it back its global
 * addresses and its up state, as runtime-spec config-linux.md#network-devices says. Over rtnetlink
 * from the host side (RTM_NEWLINK with IFLA_NET_NS_FD), then in the namespace through a netlink
 * socket made there (a short-lived thread or child does setns). On failure what was moved is moved
 * back. Needs linux.namespaces network: the caller checked it. */
int netdev_move(const struct oci_net_devices *devices, int netns_fd, struct error *err);
