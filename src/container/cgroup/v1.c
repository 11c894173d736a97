/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers of cgroup v1, one function each: what is set is written, the rest is left alone.
 * Zero stands for "not given" where engines send it for every container (cpu, memory). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

#define MEMORY "linux.resources.memory."
#define CPU "linux.resources.cpu."

static int check_before_update(struct target *t, const struct oci_memory *m, struct error *err)
{
	uint64_t usage = 0;

	if (!m->check_before_update.value || !m->limit.set || m->limit.value <= 0)
		return 0;
	if (hierarchy_read_u64(t->h, "memory.usage_in_bytes", &usage) == 0 &&
	    usage > (uint64_t)m->limit.value)
		return error_set(err, EBUSY,
				 MEMORY "limit: %" PRIu64
					" bytes are in use, more than the new limit "
					"%" PRId64 " (checkBeforeUpdate)",
				 usage, m->limit.value);
	return 0;
}

static const char *limit_text(int64_t value, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%" PRId64, value < 0 ? (int64_t)-1 : value);
	return buf;
}

/* limit ≤ memory+swap must hold at every moment, so which goes first depends on the direction: the
 * kernel says EINVAL to the wrong one. */
/* Kernels since 6.1 take the write and limit nothing: what is not kept cannot be honoured. */
static int set_kernel_memory(struct target *t, int64_t bytes, struct error *err)
{
	static const char file[] = "memory.kmem.limit_in_bytes";
	_cleanup_free_ char *kept = NULL;
	size_t len;
	int r = target_set_i64(t, MEMORY "kernel", file, bytes, err);

	if (r < 0 || file_read(hierarchy_dir(t->h), file, 64, &kept, &len) < 0)
		return r;
	if (strtoull(kept, NULL, 10) / 2 > (uint64_t)bytes)
		return error_set(err, EOPNOTSUPP,
				 MEMORY
				 "kernel: this kernel does not limit kernel memory apart (it "
				 "counts in memory.limit)");
	return 0;
}

static int memory_and_swap(struct target *t, const struct oci_memory *m, struct error *err)
{
	static const char limit_file[] = "memory.limit_in_bytes";
	static const char swap_file[] = "memory.memsw.limit_in_bytes";
	bool has_limit = m->limit.set && m->limit.value != 0;
	bool has_swap = m->swap.set && m->swap.value != 0;
	int64_t swap = m->swap.value;
	char limit_buf[24], swap_buf[24];
	const char *limit_value = limit_text(m->limit.value, limit_buf, sizeof(limit_buf));
	int r;

	/* Lifting the memory limit lifts that of both together, when nothing is said of it. */
	bool implied = has_limit && m->limit.value < 0 && !has_swap;

	if (implied)
		swap = -1;
	limit_text(swap, swap_buf, sizeof(swap_buf));
	if (has_limit) {
		r = target_try(t, limit_file, limit_value);
		if (r == -EINVAL && (has_swap || implied)) {
			r = target_try(t, swap_file, swap_buf);
			if (r < 0)
				return target_error(t, MEMORY "swap", swap_file, swap_buf, r, err);
			return target_set(t, MEMORY "limit", limit_file, limit_value, err);
		}
		if (r < 0)
			return target_error(t, MEMORY "limit", limit_file, limit_value, r, err);
	}
	if (!has_swap && !implied)
		return 0;
	r = target_try(t, swap_file, swap_buf);
	/* Without swap accounting there is nothing to lift. */
	if (r == -ENOENT && swap < 0)
		return 0;
	if (r == -EINVAL && has_limit && m->limit.value > swap && swap >= 0)
		return error_set(err, EINVAL,
				 MEMORY "swap: %" PRId64 " is less than memory.limit %" PRId64
					" (it counts memory and swap together)",
				 swap, m->limit.value);
	return r < 0 ? target_error(t, MEMORY "swap", swap_file, swap_buf, r, err) : 0;
}

int v1_memory(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_memory *m = res->memory;
	int r = check_before_update(t, m, err);

	if (r == 0)
		r = memory_and_swap(t, m, err);
	if (r == 0 && m->reservation.set && m->reservation.value != 0)
		r = target_set_limit(t, MEMORY "reservation", "memory.soft_limit_in_bytes",
				     m->reservation.value, "-1", err);
	if (r == 0 && m->kernel.set && m->kernel.value > 0)
		r = set_kernel_memory(t, m->kernel.value, err);
	if (r == 0 && m->kernel_tcp.set && m->kernel_tcp.value != 0)
		r = target_set_limit(t, MEMORY "kernelTCP", "memory.kmem.tcp.limit_in_bytes",
				     m->kernel_tcp.value, "-1", err);
	if (r == 0 && m->swappiness.set)
		r = target_set_i64(t, MEMORY "swappiness", "memory.swappiness",
				   (int64_t)m->swappiness.value, err);
	if (r == 0 && m->use_hierarchy.set)
		r = target_set(t, MEMORY "useHierarchy", "memory.use_hierarchy",
			       m->use_hierarchy.value ? "1" : "0", err);
	/* A fresh cgroup has the killer; false needs writing only to change a running one. */
	if (r == 0 && m->disable_oom_killer.set && (m->disable_oom_killer.value || t->journal))
		r = target_set(t, MEMORY "disableOOMKiller", "memory.oom_control",
			       m->disable_oom_killer.value ? "1" : "0", err);
	return r;
}

/* period, quota and burst bound each other (quota ≥ 1 ms, burst ≤ quota, and a parent's ratio), so
 * a step that fails with EINVAL is tried again after the others. */
static int cpu_bandwidth(struct target *t, const struct oci_cpu *c, struct error *err)
{
	struct {
		const char *property, *file;
		char value[24];
		bool todo;
	} steps[] = {
		{ CPU "burst", "cpu.cfs_burst_us", "", c->burst.set },
		{ CPU "period", "cpu.cfs_period_us", "", c->period.set && c->period.value != 0 },
		{ CPU "quota", "cpu.cfs_quota_us", "", c->quota.set && c->quota.value != 0 },
	};
	int r = 0;

	(void)snprintf(steps[0].value, sizeof(steps[0].value), "%" PRIu64, c->burst.value);
	(void)snprintf(steps[1].value, sizeof(steps[1].value), "%" PRIu64, c->period.value);
	limit_text(c->quota.value, steps[2].value, sizeof(steps[2].value));
	for (size_t round = 0; round < ARRAY_SIZE(steps); round++) {
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			if (!steps[i].todo)
				continue;
			r = target_try(t, steps[i].file, steps[i].value);
			if (r == 0)
				steps[i].todo = false;
			else if (r != -EINVAL || round + 1 == ARRAY_SIZE(steps))
				return target_error(t, steps[i].property, steps[i].file,
						    steps[i].value, r, err);
		}
	}
	return 0;
}

/* Zero is what a fresh cgroup has, also on kernels without realtime groups. */
static int cpu_realtime(struct target *t, const struct oci_cpu *c, struct error *err)
{
	int r = 0;

	if (c->realtime_period.set && c->realtime_period.value != 0)
		r = target_set_i64(t, CPU "realtimePeriod", "cpu.rt_period_us",
				   (int64_t)c->realtime_period.value, err);
	if (r == 0 && c->realtime_runtime.set && (c->realtime_runtime.value != 0 || t->journal)) {
		r = target_try(t, "cpu.rt_runtime_us",
			       limit_text(c->realtime_runtime.value, (char[24]){ 0 }, 24));
		if (r == -ENOENT && c->realtime_runtime.value == 0)
			r = 0;
		if (r < 0)
			return target_error(t, CPU "realtimeRuntime", "cpu.rt_runtime_us", "it", r,
					    err);
	}
	return r;
}

int v1_cpu(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_cpu *c = res->cpu;
	int r = 0;

	/* While a group is idle its shares cannot be written, so leaving idle comes first. */
	if (c->idle.set && c->idle.value == 0 && t->journal)
		r = target_set(t, CPU "idle", "cpu.idle", "0", err);
	if (r == 0 && c->shares.set && c->shares.value != 0 && !(c->idle.set && c->idle.value != 0))
		r = target_set_i64(t, CPU "shares", "cpu.shares", (int64_t)c->shares.value, err);
	if (r == 0)
		r = cpu_bandwidth(t, c, err);
	if (r == 0)
		r = cpu_realtime(t, c, err);
	if (r == 0 && c->idle.set && c->idle.value != 0)
		r = target_set_i64(t, CPU "idle", "cpu.idle", c->idle.value, err);
	return r;
}

int any_cpuset(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_cpu *c = res->cpu;
	int r = 0;

	if (c->cpus && *c->cpus)
		r = target_set(t, CPU "cpus", "cpuset.cpus", c->cpus, err);
	if (r == 0 && c->mems && *c->mems)
		r = target_set(t, CPU "mems", "cpuset.mems", c->mems, err);
	return r;
}

int any_pids(struct target *t, const struct oci_resources *res, struct error *err)
{
	/* A fresh cgroup has no limit. */
	if (res->pids_limit.value <= 0 && !t->journal)
		return 0;
	if (res->pids_limit.value <= 0)
		return target_set(t, "linux.resources.pids.limit", "pids.max", "max", err);
	return target_set_i64(t, "linux.resources.pids.limit", "pids.max", res->pids_limit.value,
			      err);
}

int any_rdma(struct target *t, const struct oci_resources *res, struct error *err)
{
	for (size_t i = 0; i < res->rdma.len; i++) {
		const struct oci_rdma_limit *limit = &res->rdma.items[i];
		_cleanup_free_ char *property = NULL;
		char value[80];
		int len = 0, r;

		if (asprintf(&property, "linux.resources.rdma.%s", limit->device) < 0) {
			property = NULL;
			return error_oom(err);
		}
		if (limit->hca_handles.set)
			len = snprintf(value, sizeof(value), "hca_handle=%" PRIu64 " ",
				       limit->hca_handles.value);
		if (limit->hca_objects.set)
			len += snprintf(value + len, sizeof(value) - (size_t)len,
					"hca_object=%" PRIu64, limit->hca_objects.value);
		if (len == 0)
			continue;
		r = target_set_keyed(t, property, "rdma.max", limit->device, value,
				     "hca_handle=max hca_object=max", err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The size becomes part of a file's name. */
static bool page_size_ok(const char *size)
{
	return size && *size && strlen(size) < 16 && !strchr(size, '/');
}

static int hugetlb(struct target *t, const struct oci_resources *res, const char *limit_file,
		   const char *reserved_file, struct error *err)
{
	for (size_t i = 0; i < res->hugepage_limits.len; i++) {
		const struct oci_hugepage_limit *limit = &res->hugepage_limits.items[i];
		char property[64], file[64], value[24];
		int r;

		(void)snprintf(property, sizeof(property), "linux.resources.hugepageLimits[%zu]",
			       i);
		if (!page_size_ok(limit->page_size))
			return error_set(err, EINVAL, "%s.pageSize: '%s' is no page size", property,
					 limit->page_size ? limit->page_size : "");
		(void)snprintf(value, sizeof(value), "%" PRIu64, limit->limit);
		(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", limit->page_size, limit_file);
		r = target_set(t, property, file, value, err);
		if (r < 0)
			return r;
		/* Reservations are counted apart since 5.7; before, faults alone were. */
		(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", limit->page_size,
			       reserved_file);
		r = target_try(t, file, value);
		if (r < 0 && r != -ENOENT)
			return target_error(t, property, file, value, r, err);
	}
	return 0;
}

int v1_hugetlb(struct target *t, const struct oci_resources *res, struct error *err)
{
	return hugetlb(t, res, "limit_in_bytes", "rsvd.limit_in_bytes", err);
}

int v2_hugetlb(struct target *t, const struct oci_resources *res, struct error *err)
{
	return hugetlb(t, res, "max", "rsvd.max", err);
}

int v1_net_cls(struct target *t, const struct oci_resources *res, struct error *err)
{
	return target_set_i64(t, "linux.resources.network.classID", "net_cls.classid",
			      (int64_t)res->network->class_id.value, err);
}

int v1_net_prio(struct target *t, const struct oci_resources *res, struct error *err)
{
	for (size_t i = 0; i < res->network->priorities_len; i++) {
		const struct oci_if_priority *p = &res->network->priorities[i];
		char property[64], value[16];
		int r;

		(void)snprintf(property, sizeof(property),
			       "linux.resources.network.priorities[%zu]", i);
		(void)snprintf(value, sizeof(value), "%" PRIu32, p->priority);
		r = target_set_keyed(t, property, "net_prio.ifpriomap", p->name, value, "0", err);
		if (r < 0)
			return r;
	}
	return 0;
}
