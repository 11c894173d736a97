/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Routes of the kernel: what a new subnet must not collide with, a default route too many, and an address
 * that goes back. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct route_subnet { /* IPv4, host byte order, no bits behind the prefix */
	uint32_t address;
	unsigned prefix;
};
/* "10.88.0.0/16"; bits behind the prefix are cut. -EINVAL */
int route_subnet_parse(const char *text, struct route_subnet *ret);
bool route_subnets_overlap(const struct route_subnet *a, const struct route_subnet *b);
/* Where the routes of the caller's namespace lead, but for default routes and those of one interface
 * (NULL: none). Caller frees. 0 or -errno. */
int route_list(const char *but_interface, struct route_subnet **ret, size_t *ret_len);
/* Takes an IPv4 address from an interface of the namespace, and with it its routes. 0 or -errno. */
int route_drop_address(int netns_fd, const char *interface, const char *address, unsigned prefix);
/* Removes the default routes through an interface of the namespace: of several networks the first has
 * it. 0 or -errno. */
int route_drop_default(int netns_fd, const char *interface);
