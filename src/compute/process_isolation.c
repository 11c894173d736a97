/* SPDX-License-Identifier: Apache-2.0 */
/* Process isolation: the engine, directly on the host. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pid.h"
#include "compute/isolation.h"
#include "container/rdt.h"

static int create(const struct isolation_create *create, struct container *ret, int *ret_pidfd,
		  int *ret_init, struct error *err)
{
	return container_create(&create->engine, ret, ret_pidfd, ret_init, err);
}

static int start(const struct stored *s, const struct oci_spec *spec, struct error *err)
{
	return container_start(&s->container, spec, s->dir_fd, err);
}

static int init_start(const struct stored *s, const struct oci_spec *spec, int init,
		      struct error *err)
{
	return container_init_start(&s->container, spec, init, err);
}

static int run_exec(const struct stored *s, const struct container_exec *exec, pid_t *ret_pid,
		    int *ret_pidfd, struct error *err)
{
	return container_exec(&s->container, exec, ret_pid, ret_pidfd, err);
}

static int send_signal(const struct stored *s, int sig, bool all, struct error *err)
{
	const struct container *c = &s->container;
	_cleanup_close_ int pidfd = -1;
	int r;

	if (all && c->cgroup_manager != CGROUP_DISABLED && c->cgroup_path) {
		_cleanup_cgroup_ struct cgroup *cg = NULL;

		r = container_cgroup(c, &cg, err);
		return r < 0 ? r : cgroup_signal_all(cg, sig, err);
	}
	pidfd = pid_open(c->pid, c->pid_start);
	r = pidfd < 0 ? pidfd : pidfd_kill(pidfd, sig);
	if (r == -ESRCH)
		return error_set(err, ESRCH, "container \"%s\" is stopped: container not running",
				 c->id);
	if (r < 0)
		return error_sys(err, -r, "signal container \"%s\"", c->id);
	/* A frozen process takes SIGKILL at once on cgroup v2, but on v1 only when it is thawed. */
	if (sig == SIGKILL && cgroup_frozen_at(c->cgroup_freezer) > 0) {
		_cleanup_cgroup_ struct cgroup *cg = NULL;

		r = container_cgroup(c, &cg, err);
		return r < 0 ? r : cgroup_thaw(cg, err);
	}
	return 0;
}

static int freeze(const struct stored *s, bool on, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = container_cgroup(&s->container, &cg, err);

	if (r < 0)
		return r;
	return on ? cgroup_freeze(cg, err) : cgroup_thaw(cg, err);
}

static int update(const struct stored *s, const struct oci_resources *resources,
		  const struct oci_intel_rdt *rdt, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	bool made;
	int r = container_cgroup(&s->container, &cg, err);

	if (r == 0)
		r = cgroup_update(cg, resources, err);
	if (r == 0 && rdt)
		r = rdt_apply(rdt, s->container.id, s->container.pid, &made, err);
	return r;
}

static int pids(const struct stored *s, pid_t **ret, size_t *ret_len, struct error *err)
{
	const struct container *c = &s->container;
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r;

	if (c->cgroup_manager == CGROUP_DISABLED || !c->cgroup_path) {
		/* Without a cgroup init is all that is known for sure. */
		*ret = malloc(sizeof(**ret));
		if (!*ret)
			return error_oom(err);
		(*ret)[0] = c->pid;
		*ret_len = 1;
		return 0;
	}
	r = container_cgroup(c, &cg, err);
	return r < 0 ? r : cgroup_pids(cg, ret, ret_len, err);
}

static int stats(const struct stored *s, struct cgroup_stats *ret, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = container_cgroup(&s->container, &cg, err);

	return r < 0 ? r : cgroup_read_stats(cg, ret, err);
}

static int oom_fd(const struct stored *s, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = container_cgroup(&s->container, &cg, err);

	return r < 0 ? r : cgroup_oom_fd(cg, err);
}

static int oom_count(const struct stored *s, uint64_t *ret, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = container_cgroup(&s->container, &cg, err);

	return r < 0 ? r : cgroup_oom_count(cg, ret, err);
}

/* The terminal is whichever of the process's standard descriptors is one: taken from the process
 * itself, since the name of it means something only in the container. */
static int resize(const struct stored *s, pid_t pid, uint16_t width, uint16_t height,
		  struct error *err)
{
	struct winsize size = { .ws_row = height, .ws_col = width };
	_cleanup_close_ int pidfd = -1;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return error_sys(err, errno, "process %d", (int)pid);
	for (int fd = 0; fd < 3; fd++) {
		_cleanup_close_ int tty = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		if (tty < 0 || !isatty(tty))
			continue;
		if (ioctl(tty, TIOCSWINSZ, &size) < 0)
			return error_sys(err, errno, "resize the terminal of process %d", (int)pid);
		return 0;
	}
	return error_set(err, ENOTTY, "process %d of container \"%s\" has no terminal", (int)pid,
			 s->container.id);
}

static int destroy(const struct stored *s, const struct oci_spec *spec, struct error *err)
{
	return container_destroy(&s->container, spec, s->dir_fd, err);
}

const struct isolation_ops process_isolation = {
	.create = create,
	.start = start,
	.init_start = init_start,
	.exec = run_exec,
	.signal = send_signal,
	.freeze = freeze,
	.update = update,
	.pids = pids,
	.stats = stats,
	.resize = resize,
	.oom_fd = oom_fd,
	.oom_drain = cgroup_oom_drain,
	.oom_count = oom_count,
	.destroy = destroy,
};
