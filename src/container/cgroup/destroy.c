/* SPDX-License-Identifier: Apache-2.0 */
/* Removing the container's cgroups with everything it made below them. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "container/cgroup/private.h"

/* pidfds waited on at once; more come in the next round. */
#define WAIT_AT_ONCE 64
/* Between a process's last word and the kernel letting go of its cgroup there is a moment that
 * nothing reports. */
#define MOMENT_NS (200 * 1000)

/* The names on the way down from the container's directory. */
struct trail {
	char **names;
	size_t len, room;
};

static int trail_push(struct trail *trail, const char *name)
{
	if (trail->len == trail->room) {
		size_t room = trail->room ? trail->room * 2 : 8;
		char **more = reallocarray(trail->names, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		trail->names = more;
		trail->room = room;
	}
	trail->names[trail->len] = strdup(name);
	return trail->names[trail->len] ? (int)trail->len++ : -ENOMEM;
}

static void trail_done(struct trail *trail)
{
	for (size_t i = 0; i < trail->len; i++)
		free(trail->names[i]);
	free(trail->names);
}

/* Removes what can be removed in fd's directory; *ret_name is the first child that has children of
 * its own, to be gone into. 1 when there is one, 0 when all are gone, or -errno. */
static int remove_children(int fd, char *ret_name, size_t size)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (copy < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(copy);
	if (!dir) {
		int r = -errno;

		close_fd(copy);
		return r;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return -errno;
		if (snprintf(ret_name, size, "%s", entry->d_name) >= (int)size)
			return -ENAMETOOLONG;
		return 1;
	}
	return 0;
}

/* Depth first with one descriptor however deep the container nested: cgroup file systems have
 * neither links nor renames to other parents, so ".." is where we came from. */
static int remove_below(int top_fd)
{
	_cleanup_(trail_done) struct trail trail = { 0 };
	_cleanup_close_ int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		char name[NAME_MAX + 1];
		int next, r = remove_children(fd, name, sizeof(name));

		if (r < 0)
			return r;
		if (r == 0 && trail.len == 0)
			return 0;
		next = openat(fd, r > 0 ? name : "..",
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close_fd(fd);
		fd = next;
		if (r > 0) {
			r = trail_push(&trail, name);
			if (r < 0)
				return r;
			continue;
		}
		/* Empty of cgroups: what keeps it now are processes. */
		trail.len--;
		r = unlinkat(fd, trail.names[trail.len], AT_REMOVEDIR) < 0 && errno != ENOENT
			    ? -errno
			    : 0;
		free(trail.names[trail.len]);
		if (r < 0)
			return r;
	}
}

static int remove_tree(const char *dir)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = remove_below(fd);
	if (r < 0)
		return r;
	return rmdir(dir) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Waits until one of the processes of the tree ends. */
static void wait_for_processes(const char *dir, int timeout_ms)
{
	struct pollfd pfds[WAIT_AT_ONCE];
	struct timespec moment = { .tv_nsec = MOMENT_NS };
	_cleanup_free_ pid_t *pids = NULL;
	struct pid_list list = { 0 };
	nfds_t n = 0;

	(void)pid_list_add_tree(&list, AT_FDCWD, dir);
	pids = list.items;
	for (size_t i = 0; i < list.len && n < WAIT_AT_ONCE; i++) {
		int fd = (int)syscall(SYS_pidfd_open, pids[i], 0);

		if (fd >= 0)
			pfds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	if (n > 0)
		(void)poll(pfds, n, timeout_ms);
	for (nfds_t i = 0; i < n; i++)
		close_fd(pfds[i].fd);
	/* They may be over already as far as pidfds tell. */
	(void)nanosleep(&moment, NULL);
}

/* v2 tells when the last process has gone. */
static void wait_unpopulated(const char *dir, int timeout_ms)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int64_t end = clock_ms() + timeout_ms;
	char buf[256];

	if (asprintf(&path, "%s/cgroup.events", dir) < 0) {
		path = NULL;
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0) {
		struct pollfd pfd = { .fd = fd, .events = POLLPRI };
		ssize_t len = pread(fd, buf, sizeof(buf) - 1, 0);
		int64_t left = end - clock_ms();

		if (len < 0 || left <= 0)
			return;
		buf[len] = 0;
		if (!strstr(buf, "populated 1"))
			return;
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return;
	}
}

static int remove_waiting(struct cgroup *cg, struct hierarchy *h, int64_t end)
{
	bool waited = false;

	for (;;) {
		int r = remove_tree(h->dir);
		int64_t left = end - clock_ms();

		if (r != -EBUSY || left <= 0)
			return r;
		/* A frozen process does not die, killed or not. */
		if (cgroup_frozen(cg) == 1) {
			struct error ignored = ERROR_INIT;

			(void)cgroup_thaw(cg, &ignored);
			error_done(&ignored);
		}
		if (h->v2 && !waited)
			wait_unpopulated(h->dir, (int)left);
		else
			wait_for_processes(h->dir, (int)left);
		waited = true;
	}
}

static int destroy_error(struct hierarchy *h, int r, struct error *err)
{
	struct pid_list list = { 0 };
	pid_t first = 0;
	size_t n;

	if (r != -EBUSY)
		return error_sys(err, -r, "cannot remove cgroup %s", h->dir);
	(void)pid_list_add_tree(&list, AT_FDCWD, h->dir);
	n = list.len;
	if (n > 0)
		first = list.items[0];
	free(list.items);
	if (n == 0)
		return error_sys(err, EBUSY, "cannot remove cgroup %s", h->dir);
	return error_set(err, EBUSY,
			 "cannot remove cgroup %s: %zu processes are still in it (pid %d%s)",
			 h->dir, n, first, n > 1 ? " and others" : "");
}

int cgroup_destroy(struct cgroup *cg, int timeout_ms, struct error *err)
{
	int64_t end = clock_ms() + (timeout_ms > 0 ? timeout_ms : 0);
	struct hierarchy *failed = NULL;
	int result = 0, r = 0;

	if (cg->manager == CGROUP_DISABLED || !cg->path)
		return 0;
	if (cg->manager == CGROUP_SYSTEMD && cg->scope)
		r = systemd_stop(cg, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < cg->n; i++) {
		struct hierarchy *h = &cg->h[i];

		h->dir_fd = close_fd(h->dir_fd);
		r = remove_waiting(cg, h, end);
		/* An ordinary user cannot have made it. */
		if (r < 0 && !((r == -EACCES || r == -EPERM || r == -EROFS) && cg->rootless) &&
		    !failed) {
			failed = h;
			result = r;
		}
	}
	return failed ? destroy_error(failed, result, err) : 0;
}
