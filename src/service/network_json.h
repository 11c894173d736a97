/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A container's network as state.json keeps it. */
#include <jansson.h>

#include "network/network.h"

/* Owned; NULL when there is none, or without memory. */
json_t *network_attachment_json(const struct network_attachment *attachment);
/* json NULL: none. 0, -EPROTO or -ENOMEM; *ret is for network_attachment_done in any case. */
int network_attachment_parse(const json_t *json, struct network_attachment *ret);
