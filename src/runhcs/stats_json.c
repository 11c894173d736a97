/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/stats_json.h"

static void optional(struct output *out, const char *key, uint64_t value)
{
	if (value)
		put_unsigned(out, key, value);
}

static void pressure_line(struct output *out, const char *key, const struct cgroup_psi *psi)
{
	put_open(out, key, '{');
	put_number(out, "avg10", psi->avg10);
	put_number(out, "avg60", psi->avg60);
	put_number(out, "avg300", psi->avg300);
	put_unsigned(out, "total", psi->total);
	put_close(out, '}');
}

static void pressure(struct output *out, bool present, const struct cgroup_psi *some,
		     const struct cgroup_psi *full)
{
	if (!present)
		return;
	put_open(out, "psi", '{');
	pressure_line(out, "some", some);
	pressure_line(out, "full", full);
	put_close(out, '}');
}

static void cpu(struct output *out, const struct cgroup_stats *s)
{
	put_open(out, "cpu", '{');
	put_open(out, "usage", '{');
	optional(out, "total", s->cpu_total);
	if (s->percpu_len) {
		put_open(out, "percpu", '[');
		for (size_t i = 0; i < s->percpu_len; i++)
			put_unsigned(out, NULL, s->percpu[i]);
		put_close(out, ']');
	}
	put_unsigned(out, "kernel", s->cpu_kernel);
	put_unsigned(out, "user", s->cpu_user);
	put_close(out, '}');
	put_open(out, "throttling", '{');
	optional(out, "periods", s->periods);
	optional(out, "throttledPeriods", s->throttled_periods);
	optional(out, "throttledTime", s->throttled_time);
	put_close(out, '}');
	pressure(out, s->has_psi, &s->cpu_some, &s->cpu_full);
	put_close(out, '}');
}

static void memory_counter(struct output *out, const char *key,
			   const struct cgroup_memory_counter *counter)
{
	put_open(out, key, '{');
	put_unsigned(out, "limit", counter->limit);
	optional(out, "usage", counter->usage);
	optional(out, "max", counter->max);
	put_unsigned(out, "failcnt", counter->failcnt);
	put_close(out, '}');
}

static void memory(struct output *out, const struct cgroup_stats *s)
{
	put_open(out, "memory", '{');
	optional(out, "cache", s->memory_cache);
	memory_counter(out, "usage", &s->memory);
	memory_counter(out, "swap", &s->swap);
	memory_counter(out, "kernel", &s->kernel);
	memory_counter(out, "kernelTCP", &s->kernel_tcp);
	if (s->memory_raw_len) {
		put_open(out, "raw", '{');
		for (size_t i = 0; i < s->memory_raw_len; i++)
			put_unsigned(out, s->memory_raw[i].name, s->memory_raw[i].value);
		put_close(out, '}');
	}
	pressure(out, s->has_psi, &s->memory_some, &s->memory_full);
	put_close(out, '}');
}

static void io_entries(struct output *out, const char *key, const struct cgroup_io_entry *entries,
		       size_t len)
{
	if (!len)
		return;
	put_open(out, key, '[');
	for (size_t i = 0; i < len; i++) {
		put_open(out, NULL, '{');
		optional(out, "major", entries[i].major);
		optional(out, "minor", entries[i].minor);
		if (entries[i].op[0])
			put_string(out, "op", entries[i].op);
		optional(out, "value", entries[i].value);
		put_close(out, '}');
	}
	put_close(out, ']');
}

static void hugetlb(struct output *out, const struct cgroup_stats *s)
{
	put_open(out, "hugetlb", '{');
	for (size_t i = 0; i < s->hugetlb_len; i++) {
		put_open(out, s->hugetlb[i].size, '{');
		optional(out, "usage", s->hugetlb[i].usage);
		optional(out, "max", s->hugetlb[i].max);
		put_unsigned(out, "failcnt", s->hugetlb[i].failcnt);
		put_close(out, '}');
	}
	put_close(out, '}');
}

/* Ours: runc's events leave RDMA out. */
static void rdma(struct output *out, const struct cgroup_stats *s)
{
	if (!s->rdma_len)
		return;
	put_open(out, "rdma", '[');
	for (size_t i = 0; i < s->rdma_len; i++) {
		put_open(out, NULL, '{');
		put_string(out, "device", s->rdma[i].device);
		put_string(out, "type", s->rdma[i].limit ? "limit" : "current");
		put_unsigned(out, "hcaHandles", s->rdma[i].handles);
		put_unsigned(out, "hcaObjects", s->rdma[i].objects);
		put_close(out, '}');
	}
	put_close(out, ']');
}

/* Ours: what the utility VM costs the host. The overhead is what the container itself does not use:
 * the guest's kernel and agent, the monitor, vmwp and the share daemon. */
static void vm_json(struct output *out, const struct cgroup_stats *s,
		    const struct compute_vm_stats *vm)
{
	uint64_t memory = vm->memory_usage, cpu = vm->cpu_total;

	put_open(out, "vm", '{');
	put_open(out, "memory", '{');
	put_unsigned(out, "usage", memory);
	optional(out, "limit", vm->memory_limit);
	put_unsigned(out, "guest", vm->guest_memory);
	put_close(out, '}');
	put_open(out, "cpu", '{');
	put_unsigned(out, "total", cpu);
	put_close(out, '}');
	put_open(out, "overhead", '{');
	put_unsigned(out, "memory", memory > s->memory.usage ? memory - s->memory.usage : 0);
	put_unsigned(out, "cpu", cpu > s->cpu_total ? cpu - s->cpu_total : 0);
	put_close(out, '}');
	put_close(out, '}');
}

void stats_json(struct output *out, const char *key, const struct cgroup_stats *stats,
		const struct compute_vm_stats *vm)
{
	put_open(out, key, '{');
	cpu(out, stats);
	memory(out, stats);
	put_open(out, "pids", '{');
	optional(out, "current", stats->pids_current);
	optional(out, "limit", stats->pids_limit);
	put_close(out, '}');
	put_open(out, "blkio", '{');
	io_entries(out, "ioServiceBytesRecursive", stats->io_bytes, stats->io_bytes_len);
	io_entries(out, "ioServicedRecursive", stats->io_ops, stats->io_ops_len);
	pressure(out, stats->has_psi, &stats->io_some, &stats->io_full);
	put_close(out, '}');
	hugetlb(out, stats);
	rdma(out, stats);
	put_open(out, "intel_rdt", '{');
	put_close(out, '}');
	put_null(out, "network_interfaces");
	if (vm && vm->set)
		vm_json(out, stats, vm);
	put_close(out, '}');
}
