/* SPDX-License-Identifier: Apache-2.0 */
/* Which property needs which controller, and who writes it. */
#include <string.h>

#include "container/cgroup/devices.h"
#include "container/cgroup/private.h"

/* What a spec says to one controller: the first property that demands something of it, or NULL; and
 * whether anything is said at all (a limit of -1 says something, but a missing controller obeys).
 */
struct demand {
	const char *property;
	bool given;
};

#define DEMAND(condition, name)                                                                    \
	do {                                                                                       \
		if (!d.property && (condition))                                                    \
			d.property = name;                                                         \
	} while (0)

static struct demand demand_memory(const struct oci_resources *res)
{
	const struct oci_memory *m = res->memory;
	struct demand d = { .given = m != NULL };

	if (!m)
		return d;
	DEMAND(m->limit.set && m->limit.value > 0, "linux.resources.memory.limit");
	DEMAND(m->reservation.set && m->reservation.value > 0,
	       "linux.resources.memory.reservation");
	DEMAND(m->swap.set && m->swap.value > 0, "linux.resources.memory.swap");
	DEMAND(m->kernel.set && m->kernel.value > 0, "linux.resources.memory.kernel");
	DEMAND(m->kernel_tcp.set && m->kernel_tcp.value > 0, "linux.resources.memory.kernelTCP");
	DEMAND(m->swappiness.set, "linux.resources.memory.swappiness");
	DEMAND(m->disable_oom_killer.set && m->disable_oom_killer.value,
	       "linux.resources.memory.disableOOMKiller");
	return d;
}

static struct demand demand_cpu(const struct oci_resources *res)
{
	const struct oci_cpu *c = res->cpu;
	struct demand d = { .given = c != NULL };

	if (!c)
		return d;
	DEMAND(c->shares.set && c->shares.value > 0, "linux.resources.cpu.shares");
	DEMAND(c->quota.set && c->quota.value > 0, "linux.resources.cpu.quota");
	DEMAND(c->period.set && c->period.value > 0, "linux.resources.cpu.period");
	DEMAND(c->burst.set && c->burst.value > 0, "linux.resources.cpu.burst");
	DEMAND(c->idle.set && c->idle.value != 0, "linux.resources.cpu.idle");
	DEMAND(c->realtime_runtime.set && c->realtime_runtime.value > 0,
	       "linux.resources.cpu.realtimeRuntime");
	DEMAND(c->realtime_period.set && c->realtime_period.value > 0,
	       "linux.resources.cpu.realtimePeriod");
	return d;
}

static struct demand demand_cpuset(const struct oci_resources *res)
{
	const struct oci_cpu *c = res->cpu;
	struct demand d = { 0 };

	if (!c)
		return d;
	DEMAND(c->cpus && *c->cpus, "linux.resources.cpu.cpus");
	DEMAND(c->mems && *c->mems, "linux.resources.cpu.mems");
	d.given = d.property != NULL;
	return d;
}

static struct demand demand_pids(const struct oci_resources *res)
{
	struct demand d = { .given = res->pids_limit.set };

	DEMAND(res->pids_limit.set && res->pids_limit.value > 0, "linux.resources.pids.limit");
	return d;
}

static struct demand demand_io(const struct oci_resources *res)
{
	const struct oci_block_io *io = res->block_io;
	struct demand d = { .given = io != NULL };

	if (!io)
		return d;
	DEMAND(io->weight.set && io->weight.value > 0, "linux.resources.blockIO.weight");
	DEMAND(io->leaf_weight.set && io->leaf_weight.value > 0,
	       "linux.resources.blockIO.leafWeight");
	DEMAND(io->weight_device.len, "linux.resources.blockIO.weightDevice");
	DEMAND(io->throttle_read_bps.len, "linux.resources.blockIO.throttleReadBpsDevice");
	DEMAND(io->throttle_write_bps.len, "linux.resources.blockIO.throttleWriteBpsDevice");
	DEMAND(io->throttle_read_iops.len, "linux.resources.blockIO.throttleReadIOPSDevice");
	DEMAND(io->throttle_write_iops.len, "linux.resources.blockIO.throttleWriteIOPSDevice");
	return d;
}

static struct demand demand_hugetlb(const struct oci_resources *res)
{
	struct demand d = { .given = res->hugepage_limits.len > 0 };

	DEMAND(d.given, "linux.resources.hugepageLimits");
	return d;
}

static struct demand demand_rdma(const struct oci_resources *res)
{
	struct demand d = { .given = res->rdma.len > 0 };

	DEMAND(d.given, "linux.resources.rdma");
	return d;
}

static struct demand demand_net_cls(const struct oci_resources *res)
{
	struct demand d = { .given = res->network && res->network->class_id.set };

	DEMAND(d.given && res->network->class_id.value != 0, "linux.resources.network.classID");
	return d;
}

static struct demand demand_net_prio(const struct oci_resources *res)
{
	struct demand d = { .given = res->network && res->network->priorities_len > 0 };

	DEMAND(d.given, "linux.resources.network.priorities");
	return d;
}

static struct demand demand_devices(const struct oci_resources *res)
{
	struct demand d = { .given = res->devices.len > 0 };

	DEMAND(!device_rules_allow_all(&res->devices), "linux.resources.devices");
	return d;
}

static struct demand demand_unified(const struct oci_resources *res)
{
	struct demand d = { .given = res->unified.len > 0 };

	DEMAND(d.given, "linux.resources.unified");
	return d;
}

typedef int (*apply_fn)(struct target *t, const struct oci_resources *res, struct error *err);

static const struct control {
	unsigned controller; /* 0: of no controller, needs cgroup2 itself */
	struct demand (*demand)(const struct oci_resources *res);
	apply_fn v1, v2;
} controls[] = {
	{ CONTROLLER_MEMORY, demand_memory, v1_memory, v2_memory },
	{ CONTROLLER_CPU, demand_cpu, v1_cpu, v2_cpu },
	{ CONTROLLER_CPUSET, demand_cpuset, any_cpuset, any_cpuset },
	{ CONTROLLER_PIDS, demand_pids, any_pids, any_pids },
	{ CONTROLLER_IO, demand_io, v1_io, v2_io },
	{ CONTROLLER_HUGETLB, demand_hugetlb, v1_hugetlb, v2_hugetlb },
	{ CONTROLLER_RDMA, demand_rdma, any_rdma, any_rdma },
	{ CONTROLLER_NET_CLS, demand_net_cls, v1_net_cls, NULL },
	{ CONTROLLER_NET_PRIO, demand_net_prio, v1_net_prio, NULL },
	{ CONTROLLER_DEVICES, demand_devices, v1_devices, v2_devices },
	/* Last: a file named outright overrides what was worked out from a v1 value. */
	{ 0, demand_unified, NULL, v2_unified },
};

static struct hierarchy *find_for(const struct cgroup *cg, const struct control *c)
{
	struct hierarchy *h = c->controller ? cgroup_find(cg, c->controller) : cgroup_find_v2(cg);

	/* On v2 devices are decided by eBPF on any directory, without a controller. */
	if (!h && c->controller == CONTROLLER_DEVICES)
		h = cgroup_find_v2(cg);
	return h && (h->v2 ? c->v2 : c->v1) ? h : NULL;
}

/* Controller a unified key belongs to: the part before the dot; 0 for cgroup.* and pressure files.
 */
static unsigned unified_controller(const char *key)
{
	const char *dot = strchr(key, '.');

	if (!dot || strcmp(dot, ".pressure") == 0)
		return 0;
	return controller_from_name(key, (size_t)(dot - key));
}

unsigned cgroup_wanted(const struct oci_resources *res)
{
	unsigned wanted = 0;

	if (!res)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
		if (controls[i].demand(res).property)
			wanted |= controls[i].controller;
	for (size_t i = 0; i < res->unified.len; i++)
		wanted |= unified_controller(res->unified.items[i].key);
	return wanted;
}

static int refuse(const struct cgroup *cg, const struct control *c, const char *property,
		  struct error *err)
{
	const struct hierarchy *v2 = cgroup_find_v2(cg);

	if (c->controller == 0)
		return error_set(err, EOPNOTSUPP, "%s: the container has no cgroup on cgroup2 here",
				 property);
	if (v2 && (v2->refused & c->controller))
		return error_sys(
			err, v2->refused_errno, "%s: cannot enable the %s controller in %s%s",
			property, controller_name(c->controller, true), v2->refused_at,
			v2->refused_errno == EBUSY
				? " (a cgroup with processes of its own cannot share it out)"
				: "");
	return error_set(err, EOPNOTSUPP, "%s: the %s controller is not available%s", property,
			 controller_name(c->controller, cg->unified),
			 cg->rootless ? " to this user" : " on this host");
}

static int check_unified(const struct cgroup *cg, const struct oci_resources *res,
			 struct error *err)
{
	const struct hierarchy *v2 = cgroup_find_v2(cg);

	for (size_t i = 0; v2 && i < res->unified.len; i++) {
		const char *key = res->unified.items[i].key;
		unsigned bit = unified_controller(key);

		if (bit && !(v2->controllers & bit))
			return error_set(
				err, EOPNOTSUPP,
				"linux.resources.unified[\"%s\"]: the %s controller is not on "
				"cgroup2 here%s",
				key, controller_name(bit, true),
				cgroup_find(cg, bit) ? " but on cgroup v1" : "");
	}
	return 0;
}

int cgroup_check_resources(const struct cgroup *cg, const struct oci_resources *res,
			   struct error *err)
{
	if (!res || cg->manager == CGROUP_DISABLED)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
		struct demand d = controls[i].demand(res);

		if (!d.property || find_for(cg, &controls[i]))
			continue;
		/* In a user namespace nobody can make a device node, nor mount one. */
		if (controls[i].controller == CONTROLLER_DEVICES && cg->rootless)
			continue;
		return refuse(cg, &controls[i], d.property, err);
	}
	return check_unified(cg, res, err);
}

int cgroup_apply(struct cgroup *cg, const struct oci_resources *res, unsigned only,
		 struct journal *journal, bool defer_small_memory, struct error *err)
{
	int r = cgroup_check_resources(cg, res, err);

	if (r < 0 || !res || cg->manager == CGROUP_DISABLED)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
		const struct control *c = &controls[i];
		struct target t = { .journal = journal, .defer_small_memory = defer_small_memory };

		if (!c->demand(res).given || (c->controller && !(only & c->controller)))
			continue;
		t.h = find_for(cg, c);
		if (!t.h)
			continue;
		r = (t.h->v2 ? c->v2 : c->v1)(&t, res, err);
		if (r == -EPERM && c->controller == CONTROLLER_DEVICES && cg->rootless) {
			error_done(err);
			continue;
		}
		if (r < 0)
			return r;
	}
	return 0;
}
