/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/pid.h"
#include "container/container.h"
#include "container/rdt.h"

/* How long the kernel may take to end killed processes. Past it they hang in uninterruptible sleep
 * (crun issue 868), and the user is told so. */
#define END_TIMEOUT_MS 10000

void container_done(struct container *c)
{
	free(TAKE_PTR(c->id));
	free(TAKE_PTR(c->bundle));
	free(TAKE_PTR(c->rootfs));
	free(TAKE_PTR(c->cgroup_path));
	free(TAKE_PTR(c->cgroup_scope));
	free(TAKE_PTR(c->cgroup_freezer));
}

int container_cgroup(const struct container *c, struct cgroup **ret, struct error *err)
{
	if (c->cgroup_manager == CGROUP_DISABLED || !c->cgroup_path)
		return error_set(err, ENOTSUP, "container \"%s\" has no cgroup", c->id);
	return cgroup_load(c->cgroup_manager, c->cgroup_path, c->cgroup_scope, NULL, ret, err);
}

static int end_init(const struct container *c, struct error *err)
{
	_cleanup_close_ int pidfd = pid_open(c->pid, c->pid_start);
	int r;

	if (pidfd < 0)
		return 0;
	r = pidfd_kill(pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return error_sys(err, -r, "kill process %d", (int)c->pid);
	r = pidfd_wait_end(pidfd, END_TIMEOUT_MS);
	if (r < 0)
		return error_sys(err, -r, "wait for process %d", (int)c->pid);
	if (r == 0)
		return error_set(err, ETIMEDOUT,
				 "process %d was killed but hangs in the kernel (state D?); try "
				 "delete --force again when its device or server answers",
				 (int)c->pid);
	return 0;
}

/* Then the kernel kills all of it when init ends (pid_namespaces(7)). */
static bool own_pid_namespace(const struct container *c, const struct oci_spec *spec)
{
	const struct oci_namespace *ns;

	if (c->pid == 0 || !spec || !spec->linux_)
		return false;
	ns = &spec->linux_->namespaces[OCI_NS_PID];
	return ns->present && !ns->path;
}

int container_destroy(const struct container *c, const struct oci_spec *spec, int state_fd,
		      struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r;

	if (c->cgroup_manager != CGROUP_DISABLED && c->cgroup_path) {
		r = container_cgroup(c, &cg, err);
		if (r < 0)
			return r;
		/* A frozen process does not take its SIGKILL on v1. */
		if (cgroup_frozen(cg) > 0) {
			r = cgroup_thaw(cg, err);
			if (r < 0)
				return r;
		}
	}
	r = end_init(c, err);
	if (r < 0)
		return r;
	/* What shares a pid namespace with others, or was left by a killed create, did not die with
	 * init. */
	if (cg && !own_pid_namespace(c, spec))
		r = cgroup_signal_all(cg, SIGKILL, err);
	if (r == 0 && cg)
		r = cgroup_destroy(cg, END_TIMEOUT_MS, err);
	if (r == 0 && c->rdt_made && spec && spec->linux_ && spec->linux_->intel_rdt)
		r = rdt_remove(spec->linux_->intel_rdt, c->id, c->rdt_made, err);
	if (r < 0)
		return r;
	if (unlinkat(state_fd, CONTAINER_START_SOCKET, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove the start socket");
	return 0;
}
