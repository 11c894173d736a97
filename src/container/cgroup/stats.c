/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: which controller is asked where, and what v1 and v2 have in common. */
#include "container/cgroup/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/stats_read.h"

void cgroup_stats_done(struct cgroup_stats *stats)
{
	free(stats->percpu);
	free(stats->memory_raw);
	free(stats->io_bytes);
	free(stats->io_ops);
	free(stats->hugetlb);
	free(stats->rdma);
	*stats = (struct cgroup_stats){ 0 };
}

int stats_read_entries(struct hierarchy *h, const char *file, struct cgroup_stat_entry **ret,
		       size_t *ret_len)
{
	_cleanup_free_ struct cgroup_stat_entry *list = NULL;
	_cleanup_free_ char *text = NULL;
	size_t len = 0, n = 0, lines = 1;
	int fd = hierarchy_dir(h), r;

	r = fd < 0 ? fd : file_read(fd, file, CGROUP_FILE_MAX, &text, &len);
	if (r < 0)
		return r;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	list = calloc(lines, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (const char *p = text; *p;) {
		size_t line = strcspn(p, "\n"), name = strcspn(p, " \n");

		if (name > 0 && name < sizeof(list[n].name) && p[name] == ' ') {
			memcpy(list[n].name, p, name);
			list[n++].value = strtoull(p + name, NULL, 10);
		}
		p += line;
		p += *p == '\n';
	}
	*ret = TAKE_PTR(list);
	*ret_len = n;
	return 0;
}

uint64_t stats_entry(const struct cgroup_stat_entry *entries, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(entries[i].name, name) == 0)
			return entries[i].value;
	return 0;
}

int stats_add_io(struct cgroup_io_entry **list, size_t *len, uint64_t major, uint64_t minor,
		 const char *op, uint64_t value)
{
	struct cgroup_io_entry *more = reallocarray(*list, *len + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*list = more;
	more[*len] = (struct cgroup_io_entry){ .major = major, .minor = minor, .value = value };
	(void)snprintf(more[*len].op, sizeof(more[*len].op), "%s", op);
	(*len)++;
	return 0;
}

static int read_pids(struct hierarchy *h, struct cgroup_stats *s)
{
	uint64_t limit = 0;

	if (hierarchy_read_u64(h, "pids.current", &s->pids_current) < 0)
		return 0;
	s->has_pids = true;
	if (hierarchy_read_u64(h, "pids.max", &limit) == 0 && limit != UINT64_MAX)
		s->pids_limit = limit;
	return 0;
}

static uint64_t hugetlb_value(struct hierarchy *h, const char *size, const char *what)
{
	uint64_t value = 0;
	char file[64];

	(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, what);
	return hierarchy_read_u64(h, file, &value) < 0 ? 0 : value;
}

static uint64_t hugetlb_events(struct hierarchy *h, const char *size)
{
	_cleanup_free_ struct cgroup_stat_entry *events = NULL;
	size_t len = 0;
	char file[64];

	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	return stats_read_entries(h, file, &events, &len) < 0 ? 0 : stats_entry(events, len, "max");
}

static int add_hugetlb(struct hierarchy *h, const char *size, struct cgroup_stats *s)
{
	struct cgroup_hugetlb_stat *more =
		reallocarray(s->hugetlb, s->hugetlb_len + 1, sizeof(*more));
	struct cgroup_hugetlb_stat *e;

	if (!more)
		return -ENOMEM;
	s->hugetlb = more;
	e = &more[s->hugetlb_len++];
	*e = (struct cgroup_hugetlb_stat){ 0 };
	(void)snprintf(e->size, sizeof(e->size), "%s", size);
	e->usage = hugetlb_value(h, size, h->v2 ? "current" : "usage_in_bytes");
	e->max = h->v2 ? e->usage : hugetlb_value(h, size, "max_usage_in_bytes");
	e->failcnt = h->v2 ? hugetlb_events(h, size) : hugetlb_value(h, size, "failcnt");
	return 0;
}

/* The page sizes are those whose files are there. */
static int read_hugetlb(struct hierarchy *h, struct cgroup_stats *s)
{
	const char *suffix = h->v2 ? ".current" : ".usage_in_bytes";
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = hierarchy_dir(h), copy;

	if (fd < 0)
		return 0;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		close_fd(copy);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		size_t len = strlen(entry->d_name), end = strlen(suffix);
		char size[16];

		if (strncmp(entry->d_name, "hugetlb.", 8) != 0 || len <= 8 + end ||
		    strcmp(entry->d_name + len - end, suffix) != 0 ||
		    memmem(entry->d_name, len, ".rsvd.", 6) || len - 8 - end >= sizeof(size))
			continue;
		(void)snprintf(size, sizeof(size), "%.*s", (int)(len - 8 - end), entry->d_name + 8);
		if (add_hugetlb(h, size, s) < 0)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t rdma_number(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	if (!at)
		return 0;
	at += strlen(name);
	return strncmp(at, "max", 3) == 0 ? UINT32_MAX : (uint32_t)strtoul(at, NULL, 10);
}

static int read_rdma_file(struct hierarchy *h, const char *file, bool limit, struct cgroup_stats *s)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest = NULL;
	int fd = hierarchy_dir(h);
	size_t len = 0;

	if (fd < 0 || file_read(fd, file, CGROUP_FILE_MAX, &text, &len) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct cgroup_rdma_stat *more =
			reallocarray(s->rdma, s->rdma_len + 1, sizeof(*more));
		struct cgroup_rdma_stat *e;

		if (!more)
			return -ENOMEM;
		s->rdma = more;
		e = &more[s->rdma_len++];
		*e = (struct cgroup_rdma_stat){ .limit = limit };
		(void)snprintf(e->device, sizeof(e->device), "%.*s", (int)strcspn(line, " "), line);
		e->handles = rdma_number(line, "hca_handle=");
		e->objects = rdma_number(line, "hca_object=");
	}
	return 0;
}

static int read_rdma(struct hierarchy *h, struct cgroup_stats *s)
{
	int r = read_rdma_file(h, "rdma.current", false, s);

	return r < 0 ? r : read_rdma_file(h, "rdma.max", true, s);
}

typedef int (*read_fn)(struct hierarchy *h, struct cgroup_stats *s);

static const struct {
	unsigned controller;
	read_fn v1, v2;
} readers[] = {
	{ CONTROLLER_CPU, stats_v1_cpu, NULL },
	{ CONTROLLER_CPUACCT, stats_v1_cpuacct, NULL },
	{ CONTROLLER_MEMORY, stats_v1_memory, stats_v2_memory },
	{ CONTROLLER_PIDS, read_pids, read_pids },
	{ CONTROLLER_IO, stats_v1_io, stats_v2_io },
	{ CONTROLLER_HUGETLB, read_hugetlb, read_hugetlb },
	{ CONTROLLER_RDMA, read_rdma, read_rdma },
};

int cgroup_read_stats(struct cgroup *cg, struct cgroup_stats *ret, struct error *err)
{
	struct cgroup_stats s = { 0 };
	struct hierarchy *v2;
	bool any = false;
	int r = 0;

	if (cg->manager == CGROUP_DISABLED)
		return error_set(err, EOPNOTSUPP,
				 "no statistics: the container has no cgroup of its own");
	cgroup_note_absent(cg);
	for (size_t i = 0; i < cg->n; i++)
		any |= !cg->h[i].absent;
	if (!any)
		return error_set(err, ENOENT, "no statistics: cgroup %s is gone", cg->path);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readers); i++) {
		struct hierarchy *h = cgroup_find(cg, readers[i].controller);
		read_fn fn = !h ? NULL : h->v2 ? readers[i].v2 : readers[i].v1;

		r = fn ? fn(h, &s) : 0;
	}
	/* cgroup2 counts processor time and pressure in every directory, controller or not. */
	v2 = cgroup_find_v2(cg);
	if (r == 0 && v2 && !s.has_cpu)
		r = stats_v2_cpu(v2, &s);
	if (r == 0 && v2)
		r = stats_v2_psi(v2, &s);
	if (r < 0) {
		cgroup_stats_done(&s);
		return error_sys(err, -r, "cannot read the statistics of cgroup %s", cg->path);
	}
	*ret = s;
	return 0;
}
