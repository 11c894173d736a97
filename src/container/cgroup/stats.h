/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the controllers count, in one shape for v1 and v2; absent values are 0 with has_* false. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_stat_entry {
	char name[48];
	uint64_t value;
};
struct cgroup_memory_counter {
	uint64_t usage, max, failcnt, limit;
};
struct cgroup_io_entry {
	uint64_t major, minor, value;
	char op[16];
};
struct cgroup_hugetlb_stat {
	char size[16];
	uint64_t usage, max, failcnt;
};
struct cgroup_rdma_stat {
	char device[64];
	uint32_t handles, objects;
	bool limit;
};
struct cgroup_psi {
	double avg10, avg60, avg300;
	uint64_t total;
};

struct cgroup_stats {
	bool has_cpu, has_memory, has_pids, has_io, has_psi;
	uint64_t cpu_total, cpu_user, cpu_kernel; /* nanoseconds */
	uint64_t *percpu;                         /* owned, nanoseconds */
	size_t percpu_len;
	uint64_t periods, throttled_periods, throttled_time;
	struct cgroup_memory_counter memory, swap, kernel, kernel_tcp; /* bytes */
	uint64_t memory_cache;
	struct cgroup_stat_entry *memory_raw; /* owned: memory.stat as the kernel has it */
	size_t memory_raw_len;
	bool use_hierarchy;
	uint64_t oom_kills;
	uint64_t pids_current, pids_limit; /* limit 0: none */
	struct cgroup_io_entry *io_bytes,
		*io_ops; /* owned: io_service_bytes, io_serviced, recursive */
	size_t io_bytes_len, io_ops_len;
	struct cgroup_hugetlb_stat *hugetlb; /* owned */
	size_t hugetlb_len;
	struct cgroup_rdma_stat *rdma; /* owned */
	size_t rdma_len;
	struct cgroup_psi cpu_some, cpu_full, memory_some, memory_full, io_some, io_full;
};

void cgroup_stats_done(struct cgroup_stats *stats);
