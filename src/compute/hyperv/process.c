/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/process.h"

#include <signal.h>

#include "base/pid.h"
#include "compute/hyperv/client.h"
#include "compute/hyperv/create.h"
#include "compute/hyperv/request_time.h"
#include "vmproc/launch.h"

static int enter_cgroup(void *data, struct error *err)
{
	struct cgroup *cg = data;
	int r = cg ? cgroup_enter(cg, err) : 0;

	return r == 0 && cg ? cgroup_enter_memory(cg, err) : r;
}

static pid_t owner_pid(const struct stored *s)
{
	/* vmwp is the owner's child, and its user that of the owner's process. */
	struct pid_stat stat;

	if (!s->vm.host)
		return s->container.pid;
	return pid_read_stat(s->vm.pid, &stat) == 0 ? stat.ppid : 0;
}

/* In the container's cgroup: cloned into that of cgroup2, since moving it there waits for a grace period of
 * the kernel's. */
static int spawn(const struct stored *s, const struct hyperv_process *process, struct cgroup *cg,
		 pid_t *ret_pid, int *ret_pidfd, int *ret_sync, struct error *err)
{
	struct vmproc_spawn spawn = {
		.id = s->container.id,
		.exec = true,
		.netns = -1,
		.stdio = { process->stdio[0], process->stdio[1], process->stdio[2] },
		.cgroup_fd = cg ? cgroup_clone_fd(cg) : -1,
		.prepare = enter_cgroup,
		.data = cg,
	};
	int r = vmproc_spawn(&spawn, ret_pid, ret_pidfd, ret_sync, err);

	if (spawn.cgroup_fd >= 0 && (r == -EBUSY || r == -EOPNOTSUPP || r == -EACCES)) {
		error_done(err);
		cgroup_clone_failed(cg);
		spawn.cgroup_fd = -1;
		r = vmproc_spawn(&spawn, ret_pid, ret_pidfd, ret_sync, err);
	}
	return r == 0 && cg ? cgroup_attach(cg, *ret_pid, NULL, err) : r;
}

int hyperv_process(const struct stored *s, const struct hyperv_process *process, pid_t *ret_pid,
		   int *ret_pidfd, struct error *err)
{
	_cleanup_close_ int pidfd = -1, sync = -1, connection = -1;
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	struct vmproc_begin what = {
		.start_socket = -1,
		.console = process->console,
		.reason = -1,
		.rows = process->rows,
		.columns = process->columns,
		.uid = hyperv_uid(owner_pid(s)),
		.warn = process->warn,
		.warn_data = process->warn_data,
	};
	struct request_times times;
	int r, guest_pid;

	r = request_times_get(NULL, &times, err);
	if (r < 0)
		return r;
	what.create_ms = times.create;
	connection = what.connection = hyperv_connect(s, err);
	if (connection < 0)
		return connection;
	if (s->container.cgroup_manager != CGROUP_DISABLED && s->container.cgroup_path) {
		r = container_cgroup(&s->container, &cg, err);
		if (r == 0)
			r = cgroup_open_enter(cg, err);
		if (r < 0)
			return r;
	}
	r = spawn(s, process, cg, ret_pid, &pidfd, &sync, err);
	if (r == 0)
		r = vmproc_begin(sync, process->requests, &what, &guest_pid, err);
	if (pidfd < 0)
		return r;
	if (r < 0) {
		(void)pidfd_kill(pidfd, SIGKILL);
		(void)pidfd_reap(pidfd);
		return r;
	}
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}
