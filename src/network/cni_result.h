/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "network/network.h"

/* Reads a plugin's result of any version of the specification: what the container has on the interface
 * (endpoint->mac, addresses, gateways, result), and adds its DNS servers and search domains to
 * attachment. Addresses must be such. */
int cni_result_read(const json_t *result, const char *interface, struct network_endpoint *endpoint,
		    struct network_attachment *attachment, struct error *err);
void network_endpoint_done(struct network_endpoint *endpoint);
