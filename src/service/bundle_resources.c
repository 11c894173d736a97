/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources. In hyperv isolation memory and CPUs size the utility VM too: that is done where the VM
 * is made, from the same limits. */
#include <inttypes.h>
#include <string.h>

#include "service/bundle_parts.h"

#define PERIOD 100000 /* microseconds, the kernel's default */

static int put_number(json_t *object, const char *key, int64_t value, struct error *err)
{
	return value ? bundle_put(object, key, json_integer(value), err) : 0;
}

/* With a limit of memory docker allows as much swap again, where the host can limit it at all; a utility
 * VM has no swap. */
static int64_t swap_of(const struct bundle *bundle)
{
	const struct container_config *c = bundle->config;

	if (c->memory_swap || c->memory == 0 || bundle->hyperv)
		return c->memory_swap;
	if (c->memory > INT64_MAX / 2)
		return -1;
	if (access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0 ||
	    access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		return c->memory * 2;
	return 0;
}

static int put_memory(struct bundle *bundle, json_t *resources, struct error *err)
{
	const struct container_config *c = bundle->config;
	json_t *memory = json_object();
	int r = put_number(memory, "limit", c->memory, err);

	if (r == 0)
		r = put_number(memory, "reservation", c->memory_reservation, err);
	if (r == 0)
		r = put_number(memory, "swap", swap_of(bundle), err);
	if (r == 0 && c->memory_swappiness.set)
		r = bundle_put(memory, "swappiness", json_integer(c->memory_swappiness.value), err);
	if (r == 0 && c->oom_kill_disable)
		r = bundle_put(memory, "disableOOMKiller", json_true(), err);
	if (r == 0 && json_object_size(memory))
		return bundle_put(resources, "memory", memory, err);
	json_decref(memory);
	return r;
}

static int put_cpu(struct bundle *bundle, json_t *resources, struct error *err)
{
	const struct container_config *c = bundle->config;
	int64_t quota = c->cpu_quota, period = c->cpu_period;
	json_t *cpu = json_object();
	int r;

	if (c->nano_cpus) {
		period = PERIOD;
		quota = c->nano_cpus / (1000000000 / PERIOD);
	}
	r = put_number(cpu, "shares", c->cpu_shares, err);
	if (r == 0)
		r = put_number(cpu, "quota", quota, err);
	if (r == 0)
		r = put_number(cpu, "period", period, err);
	if (r == 0)
		r = bundle_put_text(cpu, "cpus", c->cpuset_cpus, err);
	if (r == 0)
		r = bundle_put_text(cpu, "mems", c->cpuset_mems, err);
	if (r == 0 && json_object_size(cpu))
		return bundle_put(resources, "cpu", cpu, err);
	json_decref(cpu);
	return r;
}

int bundle_resources(struct bundle *bundle, struct error *err)
{
	json_t *resources = json_object_get(bundle->linux_, "resources");
	const struct container_config *c = bundle->config;
	int r = put_memory(bundle, resources, err);

	if (r == 0)
		r = put_cpu(bundle, resources, err);
	if (r == 0 && c->pids_limit)
		r = bundle_put(resources, "pids",
			       json_pack("{s:I}", "limit", (json_int_t)c->pids_limit), err);
	if (r == 0 && c->blkio_weight)
		r = bundle_put(resources, "blockIO",
			       json_pack("{s:I}", "weight", (json_int_t)c->blkio_weight), err);
	return r;
}
