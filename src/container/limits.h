/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Resource limits and OOM score of the process. */
#include <sys/resource.h>

#include "base/error.h"
#include "oci/spec.h"

struct rlimit_plan {
	int resource[RLIM_NLIMITS];
	struct rlimit value[RLIM_NLIMITS];
	size_t len;
};

/* Names → numbers; refuses unknown, repeated, soft > hard, by JSON path under where. */
int rlimits_parse(const struct oci_rlimits *oci, const char *where, struct rlimit_plan *ret,
		  struct error *err);
/* Sets them on the calling process. Raising a hard limit needs CAP_SYS_RESOURCE: the message names
 * limit, value and the present hard limit. */
int rlimits_apply(const struct rlimit_plan *plan, struct error *err);
/* Writes oom_score_adj through proc_fd (see lsm_set_exec). Unchanged values are not written, since
 * lowering needs CAP_SYS_RESOURCE. */
int oom_score_adj_apply(int proc_fd, int value, struct error *err);
