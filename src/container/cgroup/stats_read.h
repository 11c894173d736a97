/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Reading what the controllers count, one function a controller and version. Each returns 0, also
 * where the controller has no such file, or -ENOMEM. */
#include "container/cgroup/private.h"
#include "container/cgroup/stats.h"

int stats_v1_cpu(struct hierarchy *h, struct cgroup_stats *s);
int stats_v1_cpuacct(struct hierarchy *h, struct cgroup_stats *s);
int stats_v1_memory(struct hierarchy *h, struct cgroup_stats *s);
int stats_v1_io(struct hierarchy *h, struct cgroup_stats *s);
int stats_v2_cpu(struct hierarchy *h, struct cgroup_stats *s);
int stats_v2_memory(struct hierarchy *h, struct cgroup_stats *s);
int stats_v2_io(struct hierarchy *h, struct cgroup_stats *s);
int stats_v2_psi(struct hierarchy *h, struct cgroup_stats *s);

/* "name value" lines (memory.stat, cpu.stat): all of them. */
int stats_read_entries(struct hierarchy *h, const char *file, struct cgroup_stat_entry **ret,
		       size_t *ret_len);
/* The value of one, 0 when it is not there. */
uint64_t stats_entry(const struct cgroup_stat_entry *entries, size_t len, const char *name);
/* Appends one. */
int stats_add_io(struct cgroup_io_entry **list, size_t *len, uint64_t major, uint64_t minor,
		 const char *op, uint64_t value);
