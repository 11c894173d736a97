/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "compute/system.h"
#include "cli/output.h"

/* The statistics as the object that runc's events command prints, whose readers (go-runc among
 * them) know these keys; like there, counters of 0 are left out where they are optional. vm: NULL or
 * not set, or added as "vm" beside them. */
void stats_json(struct output *out, const char *key, const struct cgroup_stats *stats,
		const struct compute_vm_stats *vm);
