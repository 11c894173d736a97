/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A container's statistics on their way from the guest: every field of struct cgroup_stats by its
 * name there. Averages of pressure are hundredths. Large integers as in base/json_tree.h. */
#include <jansson.h>

#include "base/error.h"
#include "container/cgroup/stats.h"

/* Entries of each list; the writer sends no more, the reader takes no more. */
#define WIRE_STATS_PERCPU_MAX 8192
#define WIRE_STATS_MEMORY_MAX 512
#define WIRE_STATS_IO_MAX 1024
#define WIRE_STATS_HUGETLB_MAX 16
#define WIRE_STATS_RDMA_MAX 64

/* Owned; NULL when memory runs out. */
json_t *wire_stats_json(const struct cgroup_stats *stats);
/* Reads what wire_stats_json makes and nothing else, since a guest may send anything: -EPROTO for a
 * field that is missing, unknown, of another type, too long or not printable. *ret is for
 * cgroup_stats_done, untouched on failure. */
int wire_stats_parse(const json_t *from, struct cgroup_stats *ret, struct error *err);
