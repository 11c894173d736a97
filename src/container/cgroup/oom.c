/* SPDX-License-Identifier: Apache-2.0 */
/* Being told of OOM kills. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/cgroup/private.h"

static struct hierarchy *memory(struct cgroup *cg, struct error *err)
{
	struct hierarchy *h =
		cg->manager == CGROUP_DISABLED ? NULL : cgroup_find(cg, CONTROLLER_MEMORY);

	if (!h)
		(void)error_set(err, EOPNOTSUPP,
				"OOM kills cannot be watched: the container has no memory cgroup");
	return h;
}

static int watch_v1(struct hierarchy *h, struct error *err)
{
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), control = -1;
	int dir_fd = hierarchy_dir(h), r;
	char text[32];

	if (event < 0)
		return error_sys(err, errno, "cannot make an eventfd");
	if (dir_fd < 0)
		return error_sys(err, -dir_fd, "cannot open cgroup %s", h->dir);
	control = openat(dir_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (control < 0)
		return error_sys(err, errno, "cannot open %s/memory.oom_control", h->dir);
	(void)snprintf(text, sizeof(text), "%d %d", event, control);
	r = file_write(dir_fd, "cgroup.event_control", text, strlen(text));
	if (r < 0)
		return error_sys(err, -r, "cannot watch %s/memory.oom_control", h->dir);
	return TAKE_FD(event);
}

static int watch_v2(struct hierarchy *h, struct error *err)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	_cleanup_free_ char *path = NULL;

	if (fd < 0)
		return error_sys(err, errno, "cannot make an inotify descriptor");
	if (asprintf(&path, "%s/memory.events", h->dir) < 0) {
		path = NULL;
		return error_oom(err);
	}
	if (inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return error_sys(err, errno, "cannot watch %s", path);
	return TAKE_FD(fd);
}

int cgroup_oom_fd(struct cgroup *cg, struct error *err)
{
	struct hierarchy *h = memory(cg, err);

	if (!h)
		return -EOPNOTSUPP;
	return h->v2 ? watch_v2(h, err) : watch_v1(h, err);
}

int cgroup_oom_count(struct cgroup *cg, uint64_t *ret, struct error *err)
{
	struct hierarchy *h = memory(cg, err);
	const char *file, *line;
	char buf[512];
	ssize_t len;

	if (!h)
		return -EOPNOTSUPP;
	file = h->v2 ? "memory.events" : "memory.oom_control";
	len = hierarchy_read(h, file, buf, sizeof(buf));
	if (len == -ENODEV) /* the descriptor is held, the cgroup is not */
		len = -ENOENT;
	if (len < 0)
		return error_sys(err, (int)-len, "cannot read %s/%s", h->dir, file);
	line = strstr(buf, "oom_kill ");
	/* Kernels before 4.13 count nothing; that it happened is all they tell. */
	*ret = line ? strtoull(line + strlen("oom_kill "), NULL, 10) : 0;
	return 0;
}

int cgroup_oom_drain(int fd, bool *ret_gone)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool happened = false;
	ssize_t len;

	*ret_gone = false;
	while ((len = read(fd, buf, sizeof(buf))) > 0) {
		happened = true;
		if ((size_t)len == sizeof(uint64_t)) /* an eventfd */
			return 2;
		for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)len;) {
			const struct inotify_event *e = (const void *)(buf + at);

			if (e->mask & (IN_IGNORED | IN_DELETE_SELF))
				*ret_gone = true;
			at += sizeof(*e) + e->len;
		}
	}
	return happened;
}
