/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers of cgroup v2. What v1 has and v2 has not is refused, unless it asks for nothing.
 */
#include <inttypes.h>
#include <string.h>

#include "container/cgroup/convert.h"
#include "container/cgroup/private.h"

#define MEMORY "linux.resources.memory."
#define CPU "linux.resources.cpu."

static int not_on_v2(const char *property, const char *hint, struct error *err)
{
	return error_set(err, EOPNOTSUPP, "%s: cgroup v2 has no such limit%s", property, hint);
}

static int refuse_v1_memory(const struct oci_memory *m, struct error *err)
{
	if (m->kernel.set && m->kernel.value > 0)
		return not_on_v2(MEMORY "kernel", "; memory.limit covers kernel memory", err);
	if (m->kernel_tcp.set && m->kernel_tcp.value > 0)
		return not_on_v2(MEMORY "kernelTCP", "; memory.limit covers it", err);
	if (m->swappiness.set)
		return not_on_v2(MEMORY "swappiness", "", err);
	if (m->disable_oom_killer.set && m->disable_oom_killer.value)
		return not_on_v2(MEMORY "disableOOMKiller", "", err);
	if (m->use_hierarchy.set && !m->use_hierarchy.value)
		return not_on_v2(MEMORY "useHierarchy", ": it is always hierarchical", err);
	return 0;
}

static int check_before_update(struct target *t, const struct oci_memory *m, struct error *err)
{
	uint64_t usage = 0;

	if (!m->check_before_update.value || !m->limit.set || m->limit.value <= 0)
		return 0;
	if (hierarchy_read_u64(t->h, "memory.current", &usage) == 0 &&
	    usage > (uint64_t)m->limit.value)
		return error_set(err, EBUSY,
				 MEMORY "limit: %" PRIu64
					" bytes are in use, more than the new limit "
					"%" PRId64 " (checkBeforeUpdate)",
				 usage, m->limit.value);
	return 0;
}

/* An update may give the sum without the memory limit: that one is then what is in force. */
static int64_t limit_in_force(struct target *t, const struct oci_memory *m)
{
	uint64_t limit = 0;

	if (m->limit.set && m->limit.value != 0)
		return m->limit.value;
	if (!t->journal || hierarchy_read_u64(t->h, "memory.max", &limit) < 0)
		return 0;
	return limit > INT64_MAX ? -1 : (int64_t)limit;
}

static int set_swap(struct target *t, const struct oci_memory *m, struct error *err)
{
	int64_t limit = m->limit.set ? m->limit.value : 0, swap = -2;
	char value[24];
	int r;

	if (m->swap.set && m->swap.value > 0)
		limit = limit_in_force(t, m);
	if (convert_swap(m->swap.set ? m->swap.value : 0, limit, &swap) < 0) {
		if (limit > 0)
			return error_set(err, EINVAL,
					 MEMORY "swap: %" PRId64
						" is less than memory.limit %" PRId64
						" (it counts memory and swap together)",
					 m->swap.value, limit);
		return error_set(err, EINVAL,
				 MEMORY
				 "swap: needs memory.limit (it counts memory and swap together)");
	}
	if (swap == -2)
		return 0;
	if (swap < 0)
		strcpy(value, "max");
	else
		(void)snprintf(value, sizeof(value), "%" PRId64, swap);
	r = target_try(t, "memory.swap.max", value);
	/* Without swap accounting no swap is used and none is limited: both ends are true as it is.
	 */
	if (r == -ENOENT && swap <= 0)
		return 0;
	return r < 0 ? target_error(t, MEMORY "swap", "memory.swap.max", value, r, err) : 0;
}

static bool is_small(const struct oci_memory *m)
{
	return m->limit.set && m->limit.value > 0 && m->limit.value < CGROUP_SETUP_MEMORY;
}

int v2_memory_finish(struct target *t, const struct oci_resources *res, struct error *err)
{
	if (!res->memory || !is_small(res->memory))
		return 0;
	return target_set_i64(t, MEMORY "limit", "memory.max", res->memory->limit.value, err);
}

int v2_memory(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_memory *m = res->memory;
	int r = refuse_v1_memory(m, err);

	if (r == 0)
		r = check_before_update(t, m, err);
	/* swap first: with the limit lowered first, pages would go to swap that is about to be cut.
	 */
	if (r == 0)
		r = set_swap(t, m, err);
	if (r == 0 && m->limit.set && m->limit.value != 0 &&
	    !(t->defer_small_memory && is_small(m)))
		r = target_set_limit(t, MEMORY "limit", "memory.max", m->limit.value, "max", err);
	if (r == 0 && m->reservation.set && m->reservation.value != 0)
		r = target_set_limit(t, MEMORY "reservation", "memory.low", m->reservation.value,
				     "max", err);
	return r;
}

/* cpu.max holds both; what is not given keeps its value. */
static int set_max(struct target *t, const struct oci_cpu *c, struct error *err)
{
	bool quota = c->quota.set && c->quota.value != 0;
	bool period = c->period.set && c->period.value != 0;
	char value[64], old[48] = "", quota_text[24] = "max";

	if (!quota && !period)
		return 0;
	if (quota && c->quota.value > 0)
		(void)snprintf(quota_text, sizeof(quota_text), "%" PRId64, c->quota.value);
	else if (!quota && hierarchy_read(t->h, "cpu.max", old, sizeof(old)) > 0)
		(void)snprintf(quota_text, sizeof(quota_text), "%.*s", (int)strcspn(old, " "), old);
	if (period)
		(void)snprintf(value, sizeof(value), "%s %" PRIu64, quota_text, c->period.value);
	else
		(void)snprintf(value, sizeof(value), "%s", quota_text);
	return target_set(t, quota ? CPU "quota" : CPU "period", "cpu.max", value, err);
}

/* burst ≤ quota must hold at every moment: tried before and after. */
static int set_bandwidth(struct target *t, const struct oci_cpu *c, struct error *err)
{
	char value[24];
	int r = 0, burst = 0;

	(void)snprintf(value, sizeof(value), "%" PRIu64, c->burst.value);
	if (c->burst.set)
		burst = target_try(t, "cpu.max.burst", value);
	if (burst < 0 && burst != -EINVAL)
		return target_error(t, CPU "burst", "cpu.max.burst", value, burst, err);
	r = set_max(t, c, err);
	if (r == 0 && burst < 0)
		r = target_set(t, CPU "burst", "cpu.max.burst", value, err);
	return r;
}

int v2_cpu(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_cpu *c = res->cpu;
	bool idle = c->idle.set && c->idle.value != 0;
	int r = 0;

	if (c->realtime_runtime.set && c->realtime_runtime.value > 0)
		return not_on_v2(CPU "realtimeRuntime", "", err);
	if (c->realtime_period.set && c->realtime_period.value > 0)
		return not_on_v2(CPU "realtimePeriod", "", err);
	/* An idle group refuses a weight. */
	if (c->idle.set && !idle && t->journal)
		r = target_set(t, CPU "idle", "cpu.idle", "0", err);
	if (r == 0 && c->shares.set && c->shares.value != 0 && !idle)
		r = target_set_i64(t, CPU "shares", "cpu.weight",
				   (int64_t)convert_shares_to_weight(c->shares.value), err);
	if (r == 0)
		r = set_bandwidth(t, c, err);
	if (r == 0 && idle)
		r = target_set_i64(t, CPU "idle", "cpu.idle", c->idle.value, err);
	return r;
}

int v2_unified(struct target *t, const struct oci_resources *res, struct error *err)
{
	for (size_t i = 0; i < res->unified.len; i++) {
		const struct key_value *kv = &res->unified.items[i];
		_cleanup_free_ char *property = NULL;
		char *line, *rest = NULL;
		_cleanup_free_ char *copy = strdup(kv->value);

		if (!copy || asprintf(&property, "linux.resources.unified[\"%s\"]", kv->key) < 0) {
			property = NULL;
			return error_oom(err);
		}
		if (!*kv->key || strchr(kv->key, '/') || kv->key[0] == '.')
			return error_set(err, EINVAL, "%s: not a file name", property);
		/* Files keyed by device take one line a write. */
		for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			int r = target_set(t, property, kv->key, line, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}
