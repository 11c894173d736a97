/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/stats_json.h"

static void optional(struct output *out, const char *key, uint64_t value)
{
	if (value)
		json_unsigned(out, key, value);
}

static void pressure_line(struct output *out, const char *key, const struct cgroup_psi *psi)
{
	json_open(out, key, '{');
	json_number(out, "avg10", psi->avg10);
	json_number(out, "avg60", psi->avg60);
	json_number(out, "avg300", psi->avg300);
	json_unsigned(out, "total", psi->total);
	json_close(out, '}');
}

static void pressure(struct output *out, bool present, const struct cgroup_psi *some,
		     const struct cgroup_psi *full)
{
	if (!present)
		return;
	json_open(out, "psi", '{');
	pressure_line(out, "some", some);
	pressure_line(out, "full", full);
	json_close(out, '}');
}

static void cpu(struct output *out, const struct cgroup_stats *s)
{
	json_open(out, "cpu", '{');
	json_open(out, "usage", '{');
	optional(out, "total", s->cpu_total);
	if (s->percpu_len) {
		json_open(out, "percpu", '[');
		for (size_t i = 0; i < s->percpu_len; i++)
			json_unsigned(out, NULL, s->percpu[i]);
		json_close(out, ']');
	}
	json_unsigned(out, "kernel", s->cpu_kernel);
	json_unsigned(out, "user", s->cpu_user);
	json_close(out, '}');
	json_open(out, "throttling", '{');
	optional(out, "periods", s->periods);
	optional(out, "throttledPeriods", s->throttled_periods);
	optional(out, "throttledTime", s->throttled_time);
	json_close(out, '}');
	pressure(out, s->has_psi, &s->cpu_some, &s->cpu_full);
	json_close(out, '}');
}

static void memory_counter(struct output *out, const char *key,
			   const struct cgroup_memory_counter *counter)
{
	json_open(out, key, '{');
	json_unsigned(out, "limit", counter->limit);
	optional(out, "usage", counter->usage);
	optional(out, "max", counter->max);
	json_unsigned(out, "failcnt", counter->failcnt);
	json_close(out, '}');
}

static void memory(struct output *out, const struct cgroup_stats *s)
{
	json_open(out, "memory", '{');
	optional(out, "cache", s->memory_cache);
	memory_counter(out, "usage", &s->memory);
	memory_counter(out, "swap", &s->swap);
	memory_counter(out, "kernel", &s->kernel);
	memory_counter(out, "kernelTCP", &s->kernel_tcp);
	if (s->memory_raw_len) {
		json_open(out, "raw", '{');
		for (size_t i = 0; i < s->memory_raw_len; i++)
			json_unsigned(out, s->memory_raw[i].name, s->memory_raw[i].value);
		json_close(out, '}');
	}
	pressure(out, s->has_psi, &s->memory_some, &s->memory_full);
	json_close(out, '}');
}

static void io_entries(struct output *out, const char *key, const struct cgroup_io_entry *entries,
		       size_t len)
{
	if (!len)
		return;
	json_open(out, key, '[');
	for (size_t i = 0; i < len; i++) {
		json_open(out, NULL, '{');
		optional(out, "major", entries[i].major);
		optional(out, "minor", entries[i].minor);
		if (entries[i].op[0])
			json_string(out, "op", entries[i].op);
		optional(out, "value", entries[i].value);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void hugetlb(struct output *out, const struct cgroup_stats *s)
{
	json_open(out, "hugetlb", '{');
	for (size_t i = 0; i < s->hugetlb_len; i++) {
		json_open(out, s->hugetlb[i].size, '{');
		optional(out, "usage", s->hugetlb[i].usage);
		optional(out, "max", s->hugetlb[i].max);
		json_unsigned(out, "failcnt", s->hugetlb[i].failcnt);
		json_close(out, '}');
	}
	json_close(out, '}');
}

/* Ours: runc's events leave RDMA out. */
static void rdma(struct output *out, const struct cgroup_stats *s)
{
	if (!s->rdma_len)
		return;
	json_open(out, "rdma", '[');
	for (size_t i = 0; i < s->rdma_len; i++) {
		json_open(out, NULL, '{');
		json_string(out, "device", s->rdma[i].device);
		json_string(out, "type", s->rdma[i].limit ? "limit" : "current");
		json_unsigned(out, "hcaHandles", s->rdma[i].handles);
		json_unsigned(out, "hcaObjects", s->rdma[i].objects);
		json_close(out, '}');
	}
	json_close(out, ']');
}

void stats_json(struct output *out, const char *key, const struct cgroup_stats *stats)
{
	json_open(out, key, '{');
	cpu(out, stats);
	memory(out, stats);
	json_open(out, "pids", '{');
	optional(out, "current", stats->pids_current);
	optional(out, "limit", stats->pids_limit);
	json_close(out, '}');
	json_open(out, "blkio", '{');
	io_entries(out, "ioServiceBytesRecursive", stats->io_bytes, stats->io_bytes_len);
	io_entries(out, "ioServicedRecursive", stats->io_ops, stats->io_ops_len);
	pressure(out, stats->has_psi, &stats->io_some, &stats->io_full);
	json_close(out, '}');
	hugetlb(out, stats);
	rdma(out, stats);
	json_open(out, "intel_rdt", '{');
	json_close(out, '}');
	json_null(out, "network_interfaces");
	json_close(out, '}');
}
