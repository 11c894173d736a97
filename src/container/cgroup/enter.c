/* SPDX-License-Identifier: Apache-2.0 */
/* Getting processes into the container's cgroups. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

/* systemd makes the scope's directories, and needs a process for it first. */
static bool is_made_later(const struct cgroup *cg)
{
	return cg->manager == CGROUP_DISABLED || (cg->manager == CGROUP_SYSTEMD && !cg->loaded);
}

int cgroup_clone_fd(struct cgroup *cg)
{
	struct hierarchy *h = cgroup_find_v2(cg);
	int fd;

	if (is_made_later(cg) || !h)
		return -1;
	fd = hierarchy_dir(h);
	if (fd < 0)
		return -1;
	cg->cloned = true;
	return fd;
}

void cgroup_clone_failed(struct cgroup *cg)
{
	cg->cloned = false;
}

static int open_tasks(struct hierarchy *h)
{
	_cleanup_free_ char *path = NULL;

	if (h->dir_fd < 0 && asprintf(&path, "%s/tasks", h->dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	h->enter_fd = path ? open(path, O_WRONLY | O_CLOEXEC)
			   : openat(h->dir_fd, "tasks", O_WRONLY | O_CLOEXEC);
	return h->enter_fd < 0 ? -errno : 0;
}

int cgroup_open_enter(struct cgroup *cg, struct error *err)
{
	size_t v1 = 0, opened = 0;

	if (is_made_later(cg))
		return 0;
	for (size_t i = 0; i < cg->n; i++) {
		struct hierarchy *h = &cg->h[i];
		int r;

		if (h->v2 || h->absent || h->enter_fd >= 0)
			continue;
		v1++;
		r = open_tasks(h);
		if (r == 0) {
			opened++;
			continue;
		}
		/* The container may have been made without this one; and an ordinary user has
		 * rights in some at most. */
		if ((cg->loaded && r == -ENOENT) ||
		    ((cg->rootless || cg->loaded) && (r == -EACCES || r == -EROFS)))
			h->absent = true;
		else
			return error_sys(err, -r, "cannot open %s/tasks", h->dir);
	}
	if (cg->loaded && !cg->rootless && opened == 0 && v1 > 0 && cgroup_clone_fd(cg) < 0)
		return error_set(err, ENOENT, "cgroup %s is gone: the container is being deleted",
				 cg->path);
	return 0;
}

static int enter_error(const struct hierarchy *h, int r, struct error *err)
{
	if (r == -ENOSPC && (h->controllers & CONTROLLER_CPUSET))
		return error_set(
			err, ENOSPC,
			"cannot join cgroup %s: its cpuset has no processor or no memory node",
			h->dir);
	if (r == -EINVAL && (h->controllers & CONTROLLER_CPU))
		return error_set(err, EINVAL,
				 "cannot join cgroup %s: it has no realtime budget "
				 "(linux.resources.cpu.realtimeRuntime) for a realtime process",
				 h->dir);
	if (r == -EBUSY && h->v2)
		return error_set(
			err, EBUSY,
			"cannot join cgroup %s: it shares controllers out to cgroups below it, "
			"so no process may be in it itself",
			h->dir);
	if (r == -EOPNOTSUPP && h->v2)
		return error_set(err, EOPNOTSUPP,
				 "cannot join cgroup %s: it is a threaded one or below one",
				 h->dir);
	return error_sys(err, -r, "cannot join cgroup %s", h->dir);
}

static int enter(struct cgroup *cg, bool memory, struct error *err)
{
	for (size_t i = 0; i < cg->n; i++) {
		struct hierarchy *h = &cg->h[i];
		ssize_t n;
		int r;

		if (h->enter_fd < 0 || !!(h->controllers & CONTROLLER_MEMORY) != memory)
			continue;
		do
			n = write(h->enter_fd, "0", 1);
		while (n < 0 && errno == EINTR);
		r = n < 0 ? -errno : 0;
		h->enter_fd = close_fd(h->enter_fd);
		if (r < 0 && !cg->rootless)
			return enter_error(h, r, err);
	}
	return 0;
}

int cgroup_enter(struct cgroup *cg, struct error *err)
{
	return enter(cg, false, err);
}

int cgroup_enter_memory(struct cgroup *cg, struct error *err)
{
	return enter(cg, true, err);
}

int cgroup_memory_fd(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->h[i].controllers & CONTROLLER_MEMORY && cg->h[i].enter_fd >= 0)
			return cg->h[i].enter_fd;
	return -1;
}

static int attach_to(struct hierarchy *h, pid_t pid)
{
	int fd = hierarchy_dir(h);
	char text[24];
	int len;

	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), "%d", pid);
	return file_write(fd, "cgroup.procs", text, (size_t)len);
}

/* The scope is where systemd put it; what systemd does not use of v1 is ours to make alike. */
static int attach_systemd(struct cgroup *cg, pid_t pid, const struct oci_resources *res,
			  struct error *err)
{
	int r = systemd_start(cg, pid, res, err);

	for (size_t i = 0; r == 0 && i < cg->n; i++) {
		struct hierarchy *h = &cg->h[i];

		r = hierarchy_join(cg, h, res, err);
		if (r < 0 || h->absent)
			continue;
		r = attach_to(h, pid);
		if (r == -EBUSY && h->v2)
			r = 0; /* systemd put it there */
		if (r < 0 && cg->rootless) {
			h->absent = true;
			r = 0;
		}
		if (r < 0)
			return enter_error(h, r, err);
	}
	if (r == 0)
		r = cgroup_apply(cg, res, ~0u, NULL, true, err);
	return r;
}

int cgroup_attach(struct cgroup *cg, pid_t pid, const struct oci_resources *resources,
		  struct error *err)
{
	struct hierarchy *v2;
	int r;

	if (cg->manager == CGROUP_DISABLED)
		return 0;
	if (is_made_later(cg))
		return attach_systemd(cg, pid, resources, err);
	v2 = cgroup_find_v2(cg);
	if (!v2 || cg->cloned)
		return 0;
	r = attach_to(v2, pid);
	if (r == 0)
		return 0;
	/* Beside v1 it is a convenience (cgroup.kill, events) unless a controller is there. */
	if (cg->rootless || (!cg->unified && r != -ENOENT)) {
		v2->absent = true;
		return 0;
	}
	return enter_error(v2, r, err);
}

int cgroup_finish(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	struct target t = { .h = cgroup_find(cg, CONTROLLER_MEMORY) };

	if (cg->manager == CGROUP_DISABLED || !resources || !t.h || !t.h->v2)
		return 0;
	return v2_memory_finish(&t, resources, err);
}

/* The line "0::/path" of /proc/<pid>/cgroup. */
static char *v2_path_of(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char file[40], *line;
	size_t len = 0;

	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	if (file_read(AT_FDCWD, file, 64 * 1024, &text, &len) < 0)
		return NULL;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return NULL;
	line = strchr(line, '/');
	if (!line)
		return NULL;
	line[strcspn(line, "\n")] = 0;
	return strdup(line);
}

int cgroup_follow(struct cgroup *cg, pid_t init, struct error *err)
{
	struct hierarchy *h = cgroup_find_v2(cg);
	_cleanup_free_ char *path = NULL, *dir = NULL;
	size_t len;

	if (!h || !h->path)
		return 0;
	path = v2_path_of(init);
	if (!path)
		return 0;
	/* Only downwards: what the container made inside its own. */
	len = strlen(h->path);
	if (strncmp(path, h->path, len) != 0 || path[len] != '/' || strstr(path, "/.."))
		return 0;
	if (asprintf(&dir, "%s%s", h->mountpoint, path) < 0) {
		dir = NULL;
		return error_oom(err);
	}
	free(h->dir);
	h->dir = TAKE_PTR(dir);
	free(h->path);
	h->path = TAKE_PTR(path);
	h->dir_fd = close_fd(h->dir_fd);
	return 0;
}
