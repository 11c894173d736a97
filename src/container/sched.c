/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling policy and I/O priority. */
#include "container/sched.h"

#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

/* As sched_setattr(2) of Linux 5.3 has it; glibc 2.36 has none. */
struct sched_attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
_Static_assert(sizeof(struct sched_attributes) == 56, "SCHED_ATTR_SIZE_VER1");

#define POLICY_DEADLINE 6
#define RUNTIME_MIN 1024 /* ns; the kernel's DL_SCALE */

struct word {
	const char *name;
	uint64_t value;
};

static const struct word policies[] = {
	{ "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },       { "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_IDLE", SCHED_IDLE },   { "SCHED_DEADLINE", POLICY_DEADLINE },
};

static const struct word flag_words[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static const struct word io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static const struct word *find_word(const struct word *words, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}
#define FIND(table, name) find_word(table, ARRAY_SIZE(table), name)

static int check_deadline(const struct oci_scheduler *s, bool is_deadline, const char *where,
			  struct error *err)
{
	const uint64_t period = s->period ? s->period : s->deadline; /* 0: as the deadline */

	if (!is_deadline) {
		if (s->runtime || s->deadline || s->period)
			return error_set(err, EINVAL, "%s.%s: only SCHED_DEADLINE has it", where,
					 s->runtime    ? "runtime"
					 : s->deadline ? "deadline"
						       : "period");
		return 0;
	}
	if (s->runtime < RUNTIME_MIN)
		return error_set(err, EINVAL, "%s.runtime: SCHED_DEADLINE needs at least %d ns",
				 where, RUNTIME_MIN);
	if (s->deadline < s->runtime)
		return error_set(err, EINVAL, "%s.deadline: must be at least runtime", where);
	if (period < s->deadline)
		return error_set(err, EINVAL, "%s.period: must be at least deadline", where);
	if (period >> 63)
		return error_set(err, EINVAL, "%s.period: too large", where);
	return 0;
}

int scheduler_check(const struct oci_scheduler *s, const char *where, struct error *err)
{
	const struct word *policy;
	bool realtime;

	if (!s)
		return 0;
	policy = FIND(policies, s->policy);
	if (!policy)
		return error_set(err, EINVAL, "%s.policy: %s \"%s\"", where,
				 s->policy && strcmp(s->policy, "SCHED_ISO") == 0
					 ? "Linux has no"
					 : "unknown policy",
				 s->policy ? s->policy : "");
	for (size_t i = 0; i < s->flags.len; i++)
		if (!FIND(flag_words, s->flags.items[i]))
			return error_set(err, EINVAL, "%s.flags[%zu]: unknown flag \"%s\"", where,
					 i, s->flags.items[i]);
	if (s->nice < -20 || s->nice > 19)
		return error_set(err, EINVAL, "%s.nice: %d is not in -20 … 19", where,
				 (int)s->nice);
	realtime = policy->value == SCHED_FIFO || policy->value == SCHED_RR;
	if (realtime && (s->priority < 1 || s->priority > 99))
		return error_set(err, EINVAL, "%s.priority: %d is not in 1 … 99, as %s needs",
				 where, (int)s->priority, s->policy);
	if (!realtime && s->priority != 0)
		return error_set(err, EINVAL, "%s.priority: only SCHED_FIFO and SCHED_RR have one",
				 where);
	return check_deadline(s, policy->value == POLICY_DEADLINE, where, err);
}

int scheduler_apply(const struct oci_scheduler *s, struct error *err)
{
	struct sched_attributes attr = { .size = sizeof(attr) };
	const struct word *policy;
	int r;

	if (!s)
		return 0;
	r = scheduler_check(s, "process.scheduler", err);
	if (r < 0)
		return r;
	policy = FIND(policies, s->policy);
	attr.policy = (uint32_t)policy->value;
	for (size_t i = 0; i < s->flags.len; i++)
		attr.flags |= FIND(flag_words, s->flags.items[i])->value;
	attr.nice = s->nice;
	attr.priority = (uint32_t)s->priority;
	attr.runtime = s->runtime;
	attr.deadline = s->deadline;
	attr.period = s->period;
	if (syscall(SYS_sched_setattr, 0, &attr, 0U) == 0)
		return 0;
	if (errno == EPERM)
		return error_set(
			err, EPERM,
			"process.scheduler: %s is not permitted: it needs CAP_SYS_NICE, "
			"real-time time in the cpu cgroup, and for SCHED_DEADLINE all CPUs allowed",
			s->policy);
	if (errno == EOPNOTSUPP)
		return error_set(err, EOPNOTSUPP,
				 "process.scheduler.flags: this kernel has no "
				 "utilization clamping");
	if (errno == EBUSY)
		return error_set(err, EBUSY,
				 "process.scheduler: not enough CPU time is left for %s",
				 s->policy);
	return error_sys(err, errno, "process.scheduler: set %s", s->policy);
}

int io_priority_check(const struct oci_io_priority *p, const char *where, struct error *err)
{
	if (!p)
		return 0;
	if (!FIND(io_classes, p->class))
		return error_set(err, EINVAL, "%s.class: unknown class \"%s\"", where,
				 p->class ? p->class : "");
	if (p->priority < 0 || p->priority > 7)
		return error_set(err, EINVAL, "%s.priority: %lld is not in 0 … 7", where,
				 (long long)p->priority);
	return 0;
}

int io_priority_apply(const struct oci_io_priority *p, struct error *err)
{
	enum { WHO_PROCESS = 1, CLASS_SHIFT = 13 }; /* ioprio_set(2); glibc has no names for them */
	int r;

	if (!p)
		return 0;
	r = io_priority_check(p, "process.ioPriority", err);
	if (r < 0)
		return r;
	if (syscall(SYS_ioprio_set, WHO_PROCESS, 0,
		    (int)(FIND(io_classes, p->class)->value << CLASS_SHIFT) | (int)p->priority) ==
	    0)
		return 0;
	if (errno == EPERM)
		return error_set(err, EPERM,
				 "process.ioPriority: %s needs CAP_SYS_NICE or CAP_SYS_ADMIN",
				 p->class);
	return error_sys(err, errno, "process.ioPriority: set %s %d", p->class, (int)p->priority);
}
