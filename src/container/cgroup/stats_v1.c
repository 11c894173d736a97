/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/cgroup/stats_read.h"

#define NSEC_PER_SEC 1000000000ull

int stats_v1_cpu(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ struct cgroup_stat_entry *e = NULL;
	size_t n = 0;

	if (stats_read_entries(h, "cpu.stat", &e, &n) < 0)
		return 0;
	s->periods = stats_entry(e, n, "nr_periods");
	s->throttled_periods = stats_entry(e, n, "nr_throttled");
	s->throttled_time = stats_entry(e, n, "throttled_time");
	return 0;
}

static int read_percpu(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, n = 0, room = 1;
	int fd = hierarchy_dir(h);

	if (fd < 0 || file_read(fd, "cpuacct.usage_percpu", CGROUP_FILE_MAX, &text, &len) < 0)
		return 0;
	for (const char *p = text; *p; p++)
		room += *p == ' ';
	s->percpu = calloc(room, sizeof(*s->percpu));
	if (!s->percpu)
		return -ENOMEM;
	for (char *p = text, *end; n < room; p = end) {
		uint64_t value = strtoull(p, &end, 10);

		if (end == p)
			break;
		s->percpu[n++] = value;
	}
	s->percpu_len = n;
	return 0;
}

int stats_v1_cpuacct(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ struct cgroup_stat_entry *e = NULL;
	size_t n = 0;
	long hz = sysconf(_SC_CLK_TCK);

	if (hierarchy_read_u64(h, "cpuacct.usage", &s->cpu_total) < 0)
		return 0;
	s->has_cpu = true;
	/* In nanoseconds since 4.8, in ticks for ever. */
	if (hierarchy_read_u64(h, "cpuacct.usage_user", &s->cpu_user) < 0 ||
	    hierarchy_read_u64(h, "cpuacct.usage_sys", &s->cpu_kernel) < 0) {
		if (hz > 0 && stats_read_entries(h, "cpuacct.stat", &e, &n) == 0) {
			s->cpu_user = stats_entry(e, n, "user") * (NSEC_PER_SEC / (uint64_t)hz);
			s->cpu_kernel = stats_entry(e, n, "system") * (NSEC_PER_SEC / (uint64_t)hz);
		}
	}
	return read_percpu(h, s);
}

static void read_counter(struct hierarchy *h, const char *prefix, struct cgroup_memory_counter *ret)
{
	const struct {
		const char *name;
		uint64_t *value;
	} files[] = { { "usage_in_bytes", &ret->usage },
		      { "max_usage_in_bytes", &ret->max },
		      { "failcnt", &ret->failcnt },
		      { "limit_in_bytes", &ret->limit } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		uint64_t value = 0;
		char file[64];

		(void)snprintf(file, sizeof(file), "%s.%s", prefix, files[i].name);
		if (hierarchy_read_u64(h, file, &value) == 0)
			*files[i].value = value;
	}
}

int stats_v1_memory(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ struct cgroup_stat_entry *oom = NULL;
	uint64_t hierarchical = 0;
	size_t n = 0;
	int r = stats_read_entries(h, "memory.stat", &s->memory_raw, &s->memory_raw_len);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	s->has_memory = true;
	s->memory_cache = stats_entry(s->memory_raw, s->memory_raw_len, "cache");
	read_counter(h, "memory", &s->memory);
	read_counter(h, "memory.memsw", &s->swap);
	read_counter(h, "memory.kmem", &s->kernel);
	read_counter(h, "memory.kmem.tcp", &s->kernel_tcp);
	(void)hierarchy_read_u64(h, "memory.use_hierarchy", &hierarchical);
	s->use_hierarchy = hierarchical != 0;
	if (stats_read_entries(h, "memory.oom_control", &oom, &n) == 0)
		s->oom_kills = stats_entry(oom, n, "oom_kill");
	return 0;
}

/* "8:0 Read 4096" lines; "Total 4096" sums up. */
static int read_io(struct hierarchy *h, const char *const *files, struct cgroup_io_entry **list,
		   size_t *n)
{
	int fd = hierarchy_dir(h);

	for (; fd >= 0 && *files && *n == 0; files++) {
		_cleanup_free_ char *text = NULL;
		char *line, *rest = NULL;
		size_t len = 0;

		if (file_read(fd, *files, CGROUP_FILE_MAX, &text, &len) < 0)
			continue;
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			uint64_t major, minor, value;
			char op[16];

			if (sscanf(line, "%" SCNu64 ":%" SCNu64 " %15s %" SCNu64, &major, &minor,
				   op, &value) == 4 &&
			    stats_add_io(list, n, major, minor, op, value) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int stats_v1_io(struct hierarchy *h, struct cgroup_stats *s)
{
	/* bfq counts only what it schedules; the block layer's own count is complete. */
	static const char *const bytes[] = { "blkio.throttle.io_service_bytes_recursive",
					     "blkio.bfq.io_service_bytes_recursive",
					     "blkio.throttle.io_service_bytes", NULL };
	static const char *const ops[] = { "blkio.throttle.io_serviced_recursive",
					   "blkio.bfq.io_serviced_recursive",
					   "blkio.throttle.io_serviced", NULL };
	int r = read_io(h, bytes, &s->io_bytes, &s->io_bytes_len);

	s->has_io = true;
	return r < 0 ? r : read_io(h, ops, &s->io_ops, &s->io_ops_len);
}
