/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/stats_read.h"

#define NSEC_PER_USEC 1000u

int stats_v2_cpu(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ struct cgroup_stat_entry *e = NULL;
	size_t n = 0;

	if (stats_read_entries(h, "cpu.stat", &e, &n) < 0)
		return 0;
	s->has_cpu = true;
	s->cpu_total = stats_entry(e, n, "usage_usec") * NSEC_PER_USEC;
	s->cpu_user = stats_entry(e, n, "user_usec") * NSEC_PER_USEC;
	s->cpu_kernel = stats_entry(e, n, "system_usec") * NSEC_PER_USEC;
	/* Beside v1 the bandwidth is v1's. */
	if (h->controllers & CONTROLLER_CPU) {
		s->periods = stats_entry(e, n, "nr_periods");
		s->throttled_periods = stats_entry(e, n, "nr_throttled");
		s->throttled_time = stats_entry(e, n, "throttled_usec") * NSEC_PER_USEC;
	}
	return 0;
}

/* v1 counts memory and swap together, and so does whoever reads these figures. */
static void read_swap(struct hierarchy *h, struct cgroup_stats *s)
{
	if (hierarchy_read_u64(h, "memory.swap.current", &s->swap.usage) < 0)
		return;
	(void)hierarchy_read_u64(h, "memory.swap.max", &s->swap.limit);
	(void)hierarchy_read_u64(h, "memory.swap.peak", &s->swap.max);
	s->swap.usage += s->memory.usage;
	if (s->memory.limit == UINT64_MAX || s->swap.limit >= UINT64_MAX - s->memory.limit)
		s->swap.limit = UINT64_MAX;
	else
		s->swap.limit += s->memory.limit;
}

int stats_v2_memory(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ struct cgroup_stat_entry *events = NULL;
	size_t n = 0;
	int r = stats_read_entries(h, "memory.stat", &s->memory_raw, &s->memory_raw_len);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	s->has_memory = true;
	s->use_hierarchy = true;
	s->memory_cache = stats_entry(s->memory_raw, s->memory_raw_len, "file");
	s->kernel.usage = stats_entry(s->memory_raw, s->memory_raw_len, "kernel"); /* 5.18 */
	s->kernel.limit = UINT64_MAX;
	s->kernel_tcp.usage = stats_entry(s->memory_raw, s->memory_raw_len, "sock");
	s->kernel_tcp.limit = UINT64_MAX;
	(void)hierarchy_read_u64(h, "memory.current", &s->memory.usage);
	(void)hierarchy_read_u64(h, "memory.max", &s->memory.limit);
	(void)hierarchy_read_u64(h, "memory.peak", &s->memory.max); /* 5.19 */
	if (stats_read_entries(h, "memory.events", &events, &n) == 0) {
		s->memory.failcnt = stats_entry(events, n, "max");
		s->oom_kills = stats_entry(events, n, "oom_kill");
	}
	read_swap(h, s);
	return 0;
}

static int read_io_line(char *line, struct cgroup_stats *s)
{
	static const struct {
		const char *name, *op;
		bool bytes;
	} fields[] = { { "rbytes", "Read", true },    { "wbytes", "Write", true },
		       { "dbytes", "Discard", true }, { "rios", "Read", false },
		       { "wios", "Write", false },    { "dios", "Discard", false } };
	uint64_t major, minor;
	char *rest = NULL;

	if (sscanf(line, "%" SCNu64 ":%" SCNu64, &major, &minor) != 2)
		return 0;
	(void)strtok_r(line, " ", &rest);
	for (char *field; (field = strtok_r(NULL, " ", &rest)) != NULL;) {
		char *value = strchr(field, '=');

		if (!value)
			continue;
		*value++ = 0;
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			if (strcmp(fields[i].name, field) != 0)
				continue;
			if (stats_add_io(fields[i].bytes ? &s->io_bytes : &s->io_ops,
					 fields[i].bytes ? &s->io_bytes_len : &s->io_ops_len, major,
					 minor, fields[i].op, strtoull(value, NULL, 10)) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int stats_v2_io(struct hierarchy *h, struct cgroup_stats *s)
{
	_cleanup_free_ char *text = NULL;
	char *rest = NULL;
	int fd = hierarchy_dir(h);
	size_t len = 0;

	if (fd < 0 || file_read(fd, "io.stat", CGROUP_FILE_MAX, &text, &len) < 0)
		return 0;
	s->has_io = true;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (read_io_line(line, s) < 0)
			return -ENOMEM;
	return 0;
}

static bool parse_psi(const char *text, const char *which, struct cgroup_psi *ret)
{
	const char *line = strstr(text, which);

	return line &&
	       sscanf(line + strlen(which), " avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64,
		      &ret->avg10, &ret->avg60, &ret->avg300, &ret->total) == 4;
}

int stats_v2_psi(struct hierarchy *h, struct cgroup_stats *s)
{
	const struct {
		const char *file;
		struct cgroup_psi *some, *full;
	} files[] = { { "cpu.pressure", &s->cpu_some, &s->cpu_full },
		      { "memory.pressure", &s->memory_some, &s->memory_full },
		      { "io.pressure", &s->io_some, &s->io_full } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char text[256];

		/* EOPNOTSUPP where the kernel was booted without. */
		if (hierarchy_read(h, files[i].file, text, sizeof(text)) <= 0)
			continue;
		if (parse_psi(text, "some", files[i].some))
			s->has_psi = true;
		(void)parse_psi(text, "full", files[i].full);
	}
	return 0;
}
