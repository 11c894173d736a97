/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

/* Names the state of all nf_tables rules of the caller's network namespace: as long as it is the same, no
 * rule has been added, changed or removed since. program: the iptables that makes rules; NULL is returned
 * where that is not known to make them by nf_tables, or where the kernel does not tell. Owned. */
json_t *ruleset_state(const char *program);
