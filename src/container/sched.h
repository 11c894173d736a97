/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Scheduling of the process: policy, I/O priority, CPU affinity, NUMA memory policy, personality.
 */
#include "base/error.h"
#include "oci/spec.h"

/* Each check refuses by JSON path under where what the words or ranges do not allow; each apply
 * acts on the calling thread. NULL objects are fine and do nothing. */
int scheduler_check(const struct oci_scheduler *s, const char *where, struct error *err);
int scheduler_apply(const struct oci_scheduler *s, struct error *err);
int io_priority_check(const struct oci_io_priority *p, const char *where, struct error *err);
int io_priority_apply(const struct oci_io_priority *p, struct error *err);
/* list: a cpuset list such as "0-2,5". */
int cpu_affinity_check(const char *list, const char *where, struct error *err);
int cpu_affinity_apply(const char *list, struct error *err);
int memory_policy_check(const struct oci_memory_policy *p, const char *where, struct error *err);
int memory_policy_apply(const struct oci_memory_policy *p, struct error *err);
int personality_check(const struct oci_personality *p, const char *where, struct error *err);
int personality_apply(const struct oci_personality *p, struct error *err);
