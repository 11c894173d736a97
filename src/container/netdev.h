/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.netDevices: host interfaces handed to the container's network namespace. */
#include "base/error.h"
#include "oci/spec.h"

/* Refuses by JSON path names that no interface can have, and two that would become one. */
int netdev_check(const struct oci_net_devices *devices, struct error *err);
/* Moves each into the namespace netns_fd, renames it where asked ("eth%d": the first free number),
 * gives it back its permanent global addresses and sets it up, as runtime-spec
 * config-linux.md#network-devices says. On failure what was moved is moved back, with its name,
 * addresses and up state. Needs linux.namespaces network (the caller checked it) and CAP_NET_ADMIN
 * over both namespaces. */
int netdev_move(const struct oci_net_devices *devices, int netns_fd, struct error *err);
