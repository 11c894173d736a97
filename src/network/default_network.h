/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The network that containers have unless another is named: a bridge, whose subnet is chosen once so that it
 * collides with no route of the host, and NAT. NAT is one rule for all, ours, not one of the plugin's for
 * each container: nothing of it can be left behind, and a start is spared half a dozen runs of iptables.
 */
#include "network/cni_config.h"
#include "network/network.h"

/* The configuration. subnet NULL: the one chosen before, or now. with_ports: for a container that publishes
 * some. -EINVAL: no such subnet. */
int default_network_config(const struct network_paths *paths, int cni_fd, const char *subnet,
			   bool with_ports, struct cni_config *ret, struct error *err);
/* What the host's packet filter must let through and translate, put there as far as it is missing. */
int default_network_open_host(const struct network_paths *paths, const struct cni_config *config,
			      struct error *err);
/* Subnet of a configuration's address management, and its gateway; NULL where it says none. Borrowed. */
const char *cni_config_subnet(const struct cni_config *config, const char **ret_gateway);
/* The bridge and the subnet in use, without choosing. *ret NULL: none yet. Owned. */
int default_network_subnet(int cni_fd, char **ret, struct error *err);
