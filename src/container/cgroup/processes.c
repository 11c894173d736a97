/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in the container's cgroups, and signalling them all. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

/* The container decides how deep it nests; nobody nests so deep with honest aims. */
#define DEPTH_MAX 128
#define KILL_ROUNDS 100

static int add_pid(struct pid_list *list, pid_t pid)
{
	if (list->len == list->room) {
		size_t room = list->room ? list->room * 2 : 32;
		pid_t *more = reallocarray(list->items, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->items = more;
		list->room = room;
	}
	list->items[list->len++] = pid;
	return 0;
}

static int add_directory(struct pid_list *list, int fd)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = file_read(fd, "cgroup.procs", CGROUP_FILE_MAX, &text, &len);

	/* A threaded cgroup of v2 does not say; its domain, above it, does. */
	if (r == -EOPNOTSUPP || r == -ENODEV || r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (char *p = text; *p;) {
		char *end;
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0 stands for a process outside our pid namespace: not ours to name. */
		if (pid > 0 && add_pid(list, (pid_t)pid) < 0)
			return -ENOMEM;
		p = end + strspn(end, "\n");
	}
	return 0;
}

static int add_tree(struct pid_list *list, int fd, unsigned depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int copy, r = add_directory(list, fd);

	if (r < 0)
		return r;
	if (depth == 0)
		return -ELOOP;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(copy);
	if (!dir) {
		r = -errno;
		close_fd(copy);
		return r;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		_cleanup_close_ int child = -1;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			continue; /* removed meanwhile */
		r = add_tree(list, child, depth - 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int pid_list_add_tree(struct pid_list *list, int dir_fd, const char *name)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : add_tree(list, fd, DEPTH_MAX);
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* A process may be in more than one of the hierarchies, or listed twice while it moves. */
static void sort_unique(struct pid_list *list)
{
	size_t kept = 0;

	if (list->len == 0)
		return;
	qsort(list->items, list->len, sizeof(*list->items), compare_pids);
	for (size_t i = 0; i < list->len; i++)
		if (kept == 0 || list->items[kept - 1] != list->items[i])
			list->items[kept++] = list->items[i];
	list->len = kept;
}

/* One v1 hierarchy that stands for them all: a process cannot leave these without rights on the
 * host's cgroups. */
static struct hierarchy *representative(const struct cgroup *cg)
{
	static const unsigned preferred[] = { CONTROLLER_PIDS, CONTROLLER_DEVICES,
					      CONTROLLER_FREEZER, CONTROLLER_CPU };

	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
		for (size_t k = 0; k < cg->n; k++)
			if (!cg->h[k].v2 && !cg->h[k].absent &&
			    (cg->h[k].controllers & preferred[i]))
				return &cg->h[k];
	for (size_t k = 0; k < cg->n; k++)
		if (!cg->h[k].v2 && !cg->h[k].absent)
			return &cg->h[k];
	return NULL;
}

static int collect(struct cgroup *cg, struct pid_list *list)
{
	struct hierarchy *both[] = { cgroup_find_v2(cg), representative(cg) };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		int r = both[i] ? pid_list_add_tree(list, AT_FDCWD, both[i]->dir) : 0;

		if (r < 0 && r != -ENOENT)
			return r;
	}
	sort_unique(list);
	return 0;
}

int cgroup_pids(struct cgroup *cg, pid_t **ret, size_t *ret_len, struct error *err)
{
	struct pid_list list = { 0 };
	int r = collect(cg, &list);

	if (r < 0) {
		free(list.items);
		return error_sys(err, -r, "cannot list the processes of cgroup %s", cg->path);
	}
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}

static int signal_listed(struct cgroup *cg, int sig, size_t *ret_signalled)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct pid_list list = { 0 };
	int r = collect(cg, &list);

	pids = list.items;
	*ret_signalled = 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.len; i++) {
		if (kill(pids[i], sig) == 0)
			(*ret_signalled)++;
		else if (errno != ESRCH)
			return -errno;
	}
	return 0;
}

/* cgroup.kill (5.14) takes a whole tree, forks included. */
static int kill_v2(struct cgroup *cg)
{
	struct hierarchy *h = cgroup_find_v2(cg);
	int fd = h ? hierarchy_dir(h) : -ENOENT;

	return fd < 0 ? fd : file_write(fd, "cgroup.kill", "1", 1);
}

/* Frozen nobody can fork, so one pass reaches all; SIGKILL then takes effect at the thaw. */
static int signal_frozen(struct cgroup *cg, int sig, struct error *err)
{
	struct error ignored = ERROR_INIT;
	int was_frozen = cgroup_frozen(cg) == 1;
	bool frozen = was_frozen || cgroup_freeze(cg, &ignored) == 0;
	size_t signalled = 0;
	int r = 0;

	error_done(&ignored);
	for (unsigned round = 0; round < (frozen ? 1 : KILL_ROUNDS); round++) {
		r = signal_listed(cg, sig, &signalled);
		/* Without a freezer SIGKILL is repeated until nothing forks any more. */
		if (r < 0 || signalled == 0 || sig != SIGKILL)
			break;
	}
	if (frozen && (!was_frozen || sig == SIGKILL)) {
		int thawed = cgroup_thaw(cg, &ignored);

		error_done(&ignored);
		if (r == 0 && thawed < 0)
			r = thawed;
	}
	return r < 0 ? error_sys(err, -r, "cannot signal the processes of cgroup %s", cg->path) : 0;
}

int cgroup_signal_all(struct cgroup *cg, int sig, struct error *err)
{
	struct error ignored = ERROR_INIT;
	size_t signalled = 0;
	int r;

	if (cg->manager == CGROUP_DISABLED || !cg->path)
		return 0;
	if (sig != SIGKILL || kill_v2(cg) < 0)
		return signal_frozen(cg, sig, err);
	/* v2's freezer lets the killed go, v1's holds them until it is thawed. */
	if (!cg->unified && cgroup_frozen(cg) == 1)
		(void)cgroup_thaw(cg, &ignored);
	error_done(&ignored);
	/* Beside v1 some may never have been in the v2 directory. */
	r = cg->unified ? 0 : signal_listed(cg, sig, &signalled);
	return r < 0 ? error_sys(err, -r, "cannot signal the processes of cgroup %s", cg->path) : 0;
}
