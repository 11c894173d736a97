/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The guest's side of the network: what vm/nic.h has read on the host is set here. */
#include <jansson.h>

#include "base/error.h"

/* Does the request "network" (vm/nic.h has its form, every member is checked): finds each link by its
 * hardware address in the caller's network namespace (the initial one, where drivers put their
 * devices), moves it into the namespace netns_fd under its name, and sets addresses, routes, rules and
 * neighbours as on the host, and lo up. Writes /proc/sys, which must be mounted. To be called once for
 * a namespace; one that failed is to be thrown away. -EINVAL: the request, by the place in it. */
int guest_net_configure(json_t *request, int netns_fd, struct error *err);
