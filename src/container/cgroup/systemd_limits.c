/* SPDX-License-Identifier: Apache-2.0 */
/* Resources as properties of a scope: systemd.resource-control(5). What it has no property for is
 * written to the cgroup directly, which Delegate= allows. */
#include <inttypes.h>
#include <string.h>

#include "container/cgroup/convert.h"
#include "container/cgroup/devices.h"
#include "container/cgroup/systemd.h"

#define USEC_PER_SEC 1000000ll
#define QUOTA_STEP 10000ll /* systemd keeps whole percents */
#define PERIOD_DEFAULT 100000ll
#define CPUS_MAX 8192

/* -1 on the wire is UINT64_MAX, systemd's "infinity". */
static int add_number(json_t *p, const char *name, int64_t value)
{
	return systemd_add(p, name, "t", json_integer(value < 0 ? -1 : value));
}

static int add_memory(json_t *p, const struct cgroup *cg, const struct oci_memory *m,
		      struct error *err)
{
	int64_t limit = m->limit.set ? m->limit.value : 0, swap = -2;
	int r = 0;

	if (limit != 0)
		r = add_number(p, cg->unified ? "MemoryMax" : "MemoryLimit", limit);
	if (r == 0 && cg->unified && m->reservation.set && m->reservation.value != 0)
		r = add_number(p, "MemoryLow", m->reservation.value);
	if (r == 0 && cg->unified &&
	    convert_swap(m->swap.set ? m->swap.value : 0, limit, &swap) == 0 && swap != -2)
		r = add_number(p, "MemorySwapMax", swap);
	return r < 0 ? error_oom(err) : 0;
}

/* "0-3,8" as a bit mask, least significant byte first; -EINVAL for what is no list. */
static int parse_cpuset(const char *list, uint8_t *mask, size_t size, size_t *ret_len)
{
	size_t len = 0;

	memset(mask, 0, size);
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return -EINVAL;
		if (*end == '-') {
			list = end + 1;
			last = strtoul(list, &end, 10);
			if (end == list)
				return -EINVAL;
		}
		if (last < first || last >= size * 8)
			return -EINVAL;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			mask[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
		len = len > last / 8 + 1 ? len : last / 8 + 1;
		end += strspn(end, ", \n");
		list = end;
	}
	*ret_len = len;
	return 0;
}

static int add_cpuset(json_t *p, const char *name, const char *property, const char *list,
		      struct error *err)
{
	uint8_t mask[CPUS_MAX / 8];
	size_t len = 0;
	json_t *bytes;

	if (parse_cpuset(list, mask, sizeof(mask), &len) < 0)
		return error_set(err, EINVAL, "%s: '%s' is no list of numbers", property, list);
	bytes = json_array();
	for (size_t i = 0; bytes && i < len; i++)
		if (json_array_append_new(bytes, json_integer(mask[i])) < 0)
			return error_oom(err);
	return systemd_add(p, name, "ay", bytes) < 0 ? error_oom(err) : 0;
}

static int64_t quota_per_sec(const struct oci_cpu *c)
{
	int64_t period =
		c->period.set && c->period.value > 0 ? (int64_t)c->period.value : PERIOD_DEFAULT;
	int64_t usec;

	if (c->quota.value < 0 || __builtin_mul_overflow(c->quota.value, USEC_PER_SEC, &usec))
		return -1;
	usec /= period;
	/* Rounded up: systemd must not allow less than the cgroup. */
	return (usec + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
}

static int add_cpu(json_t *p, const struct cgroup *cg, const struct oci_cpu *c, struct error *err)
{
	int r = 0;

	if (c->shares.set && c->shares.value != 0)
		r = cg->unified ? add_number(p, "CPUWeight",
					     (int64_t)convert_shares_to_weight(c->shares.value))
				: add_number(p, "CPUShares", (int64_t)c->shares.value);
	if (r == 0 && c->quota.set && c->quota.value != 0)
		r = add_number(p, "CPUQuotaPerSecUSec", quota_per_sec(c));
	if (r == 0 && c->period.set && c->period.value != 0 && cg->unified)
		r = add_number(p, "CPUQuotaPeriodUSec", (int64_t)c->period.value);
	if (r < 0)
		return error_oom(err);
	if (cg->unified && c->cpus && *c->cpus)
		r = add_cpuset(p, "AllowedCPUs", "linux.resources.cpu.cpus", c->cpus, err);
	if (r == 0 && cg->unified && c->mems && *c->mems)
		r = add_cpuset(p, "AllowedMemoryNodes", "linux.resources.cpu.mems", c->mems, err);
	return r;
}

/* Files of linux.resources.unified that systemd would overwrite with what it knows. */
static int add_unified(json_t *p, const struct key_values *unified)
{
	static const struct {
		const char *file, *name;
	} known[] = { { "memory.min", "MemoryMin" },          { "memory.low", "MemoryLow" },
		      { "memory.high", "MemoryHigh" },        { "memory.max", "MemoryMax" },
		      { "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
		      { "cpu.weight", "CPUWeight" } };

	for (size_t i = 0; i < unified->len; i++) {
		const char *value = unified->items[i].value;

		for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
			char *end;
			int64_t n = strncmp(value, "max", 3) == 0 ? -1 : strtoll(value, &end, 10);

			/* What is no number the kernel will name when it is written. */
			if (strcmp(unified->items[i].key, known[k].file) == 0 &&
			    (n == -1 || end != value) && add_number(p, known[k].name, n) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int systemd_add_limits(json_t *p, const struct cgroup *cg, const struct oci_resources *res,
		       struct error *err)
{
	int r = 0;

	if (!res)
		return 0;
	if (res->memory)
		r = add_memory(p, cg, res->memory, err);
	if (r == 0 && res->cpu)
		r = add_cpu(p, cg, res->cpu, err);
	if (r == 0 && res->pids_limit.set)
		r = add_number(p, "TasksMax",
			       res->pids_limit.value > 0 ? res->pids_limit.value : -1) < 0
			    ? error_oom(err)
			    : 0;
	if (r == 0 && res->block_io && res->block_io->weight.set &&
	    res->block_io->weight.value != 0) {
		uint64_t w = res->block_io->weight.value;

		r = (cg->unified ? add_number(p, "IOWeight", (int64_t)convert_blkio_weight(w))
				 : add_number(p, "BlockIOWeight", (int64_t)w)) < 0
			    ? error_oom(err)
			    : 0;
	}
	if (r == 0 && add_unified(p, &res->unified) < 0)
		r = error_oom(err);
	return r;
}

/* systemd names devices by node, or all of a driver by the name in /proc/devices. */
static bool device_name(const struct device_rule *rule, char *buf, size_t size)
{
	const char *kind = rule->type == 'b' ? "block" : "char";

	if (rule->major < 0 && rule->minor < 0)
		(void)snprintf(buf, size, "%s-*", kind);
	else if (rule->major == 136 && rule->type == 'c' && rule->minor < 0)
		(void)snprintf(buf, size, "char-pts");
	else if (rule->major >= 0 && rule->minor >= 0)
		(void)snprintf(buf, size, "/dev/%s/%" PRId64 ":%" PRId64, kind, rule->major,
			       rule->minor);
	else /* a whole driver: by number, which systemd takes since 240 */
		(void)snprintf(buf, size, "%s-%" PRId64, kind, rule->major);
	return rule->major >= 0 || rule->minor < 0;
}

int systemd_add_devices(json_t *p, const struct oci_resources *res, struct error *err)
{
	struct device_policy policy = { 0 };
	json_t *list = NULL;
	int r = 0;

	if (device_rules_allow_all(&res->devices))
		return 0;
	r = device_policy_build(&res->devices, &policy, err);
	/* What one list of allowed devices cannot say (a hole, or all but some) our own program or
	 * files enforce; systemd is then told of no restriction. */
	if (r < 0 || policy.allow) {
		error_done(err);
		device_list_done(&policy.exceptions);
		return 0;
	}
	list = json_array();
	for (size_t i = 0; list && r == 0 && i < policy.exceptions.len; i++) {
		const struct device_rule *rule = &policy.exceptions.items[i];
		char name[64], text[DEVICE_TEXT_MAX];

		if (!device_name(rule, name, sizeof(name)))
			continue;
		(void)device_rule_text(rule, text);
		r = json_array_append_new(list, json_pack("[ss]", name, strrchr(text, ' ') + 1));
	}
	device_list_done(&policy.exceptions);
	if (!list || r < 0) {
		json_decref(list);
		return error_oom(err);
	}
	if (systemd_add(p, "DevicePolicy", "s", json_string("strict")) < 0) {
		json_decref(list);
		return error_oom(err);
	}
	return systemd_add(p, "DeviceAllow", "a(ss)", list) < 0 ? error_oom(err) : 0;
}
