/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/pid.h"
#include "container/container.h"
#include "container/keyring.h"
#include "container/listener.h"
#include "container/namespaces.h"
#include "container/process.h"
#include "container/rootfs.h"
#include "container/sched.h"
#include "container/sync.h"

/* Both sides of one exec; the child inherits it. */
struct execution {
	const struct container *c;
	const struct container_exec *exec;
	struct process_plan process;
	struct rootfs fs;
	struct cgroup *cgroup;
	int init_pidfd, proc_pid_fd; /* init of the container, and its /proc directory */
	int flags, enter;            /* CLONE_NEW*: all that differ; what the child is to enter */
	int sync, runtime_sync;      /* the child's end, and the runtime's */
	int pidfd;
	pid_t pid;
	bool wait_go;
};

static void execution_done(struct execution *ex)
{
	process_plan_done(&ex->process);
	rootfs_done(&ex->fs);
	if (ex->cgroup)
		cgroup_free(ex->cgroup);
	ex->init_pidfd = close_fd(ex->init_pidfd);
	ex->proc_pid_fd = close_fd(ex->proc_pid_fd);
	ex->sync = close_fd(ex->sync);
	ex->runtime_sync = close_fd(ex->runtime_sync);
	ex->pidfd = close_fd(ex->pidfd);
}

/* A container without a mount namespace of its own is a chroot. */
static int enter_root(struct execution *ex, struct error *err)
{
	_cleanup_close_ int root = -1;

	if (!(ex->flags & CLONE_NEWNS)) {
		root = openat(ex->proc_pid_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0 || fchdir(root) < 0 || chroot(".") < 0)
			return error_sys(err, errno, "enter the container's root");
	}
	ex->fs.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ex->fs.root_fd < 0 ? error_sys(err, errno, "open the container's root") : 0;
}

static int child_run(struct execution *ex, struct error *err)
{
	const struct oci_process *oci = ex->process.oci;
	int r = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Processes of the container see this one from now on: not its descriptors (CVE-2016-9962).
	 */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (ex->cgroup)
		r = cgroup_enter(ex->cgroup, err);
	if (r == 0 && ex->wait_go)
		r = sync_expect(ex->sync, SYNC_GO, NULL, err);
	if (r == 0)
		r = namespace_enter(ex->init_pidfd, ex->enter, err);
	if (r == 0)
		r = enter_root(ex, err);
	if (r < 0)
		return r;
	if (setsid() < 0)
		return error_sys(err, errno, "setsid");
	/* In a user namespace: its root until the program's user. */
	if (ex->flags & CLONE_NEWUSER && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) &&
	    errno != EINVAL)
		return error_sys(err, errno, "become root of the user namespace");
	/* The caller's keys are not the container's. */
	r = keyring_join_session(ex->c->id, err);
	if (r == 0 && oci->terminal)
		r = process_open_terminal(&ex->process, &ex->fs, err);
	(void)chdir(oci->cwd);
	if (r == 0)
		r = process_find(&ex->process, err);
	if (r == 0)
		r = process_complete_env(&ex->process, &ex->fs, err);
	if (r == 0 && ex->cgroup)
		r = cgroup_enter_memory(ex->cgroup, err);
	if (r == 0)
		r = process_execute(&ex->process, &ex->fs, ex->sync, err);
	return r;
}

/* See namespace_spawn_beside. */
static int prepare_stage(void *data, int keep_fd, struct error *err)
{
	struct execution *ex = data;
	const struct opt_i64 *oom = &ex->process.oci->oom_score_adj;
	int keep[6] = { keep_fd, ex->init_pidfd, ex->sync, ex->process.console_sock, -1, -1 };
	int r = 0;

	/* Undumpable, as it soon is, its files in /proc are not an ordinary user's to write. */
	if (oom->set && geteuid() != 0)
		r = process_set_oom_score(getpid(), oom->value, err);
	if (r == 0 && ex->cgroup) {
		r = cgroup_enter(ex->cgroup, err);
		if (r < 0)
			return r;
		keep[4] = cgroup_memory_fd(ex->cgroup);
	}
	if (r < 0)
		return r;
	/* A container that is but a chroot is entered by it. */
	if (!(ex->flags & CLONE_NEWNS))
		keep[5] = ex->proc_pid_fd;
	ex->runtime_sync = -1; /* with the others */
	r = fd_close_others(3 + ex->process.preserve_fds, keep, ARRAY_SIZE(keep));
	return r < 0 ? error_sys(err, -r, "close descriptors") : 0;
}

static _Noreturn void exec_main(void *data)
{
	struct execution *ex = data;
	struct error err = ERROR_INIT;

	ex->runtime_sync = close_fd(ex->runtime_sync);
	(void)child_run(ex, &err);
	sync_send_error(ex->sync, &err);
	_exit(err.exit_status ? err.exit_status : 1);
}

static int look_at_init(struct execution *ex, struct error *err)
{
	char path[32];

	ex->init_pidfd = pid_open(ex->c->pid, ex->c->pid_start);
	if (ex->init_pidfd < 0)
		return error_set(err, ESRCH, "cannot exec in a stopped container");
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)ex->c->pid);
	ex->proc_pid_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ex->proc_pid_fd < 0)
		return error_sys(err, errno, "open %s", path);
	return namespace_differing(ex->proc_pid_fd, &ex->flags, err);
}

static int prepare(struct execution *ex, struct error *err)
{
	const struct container_exec *exec = ex->exec;
	int pair[2], r;

	r = look_at_init(ex, err);
	if (r == 0)
		r = process_plan_make(&ex->process, exec->process, exec->spec, "process",
				      exec->seccomp_cache_fd, err);
	if (r == 0 && !(ex->flags & CLONE_NEWUSER))
		r = process_warn_caps(&ex->process, "process", exec->warn, exec->warn_data, err);
	if (r < 0)
		return r;
	ex->process.preserve_fds = exec->preserve_fds;
	ex->process.console_sock = exec->console_sock;
	ex->process.rlimits_by_parent = ex->flags & CLONE_NEWUSER;
	if (ex->c->cgroup_manager != CGROUP_DISABLED && ex->c->cgroup_path) {
		r = cgroup_load(ex->c->cgroup_manager, ex->c->cgroup_path, ex->c->cgroup_scope,
				exec->cgroup, &ex->cgroup, err);
		if (r == 0)
			r = cgroup_follow(ex->cgroup, ex->c->pid, err);
		if (r == 0)
			r = cgroup_open_enter(ex->cgroup, err);
		if (r < 0)
			return r;
	}
	ex->wait_go =
		ex->process.rlimits_by_parent || exec->process->oom_score_adj.set ||
		(ex->cgroup && cgroup_clone_fd(ex->cgroup) < 0 && cgroup_is_unified(ex->cgroup));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	ex->runtime_sync = pair[0];
	ex->sync = pair[1];
	return 0;
}

/* The host's side of setting the new process up. */
static int equip(struct execution *ex, struct error *err)
{
	const struct oci_process *oci = ex->process.oci;
	int r = 0;

	if (!ex->wait_go)
		return 0;
	if (ex->cgroup)
		r = cgroup_attach(ex->cgroup, ex->pid, NULL, err);
	if (r == 0 && oci->oom_score_adj.set)
		r = process_set_oom_score(ex->pid, oci->oom_score_adj.value, err);
	if (r == 0 && ex->process.rlimits_by_parent)
		r = process_raise_rlimits(ex->pid, &ex->process.rlimits, err);
	if (r < 0)
		return r;
	r = sync_send(ex->runtime_sync, SYNC_GO, 0);
	return r < 0 ? error_sys(err, -r, "tell the container's process to go on") : 0;
}

/* Until the program is being executed. */
static int accompany(struct execution *ex, struct error *err)
{
	for (;;) {
		int code = 0, r = sync_receive(ex->runtime_sync, &code, err);

		if (r < 0)
			return r;
		if (r == 0) {
			/* Executed, or killed before it could be: then it is a zombie by now. */
			return 0;
		}
		if (r != SYNC_LISTENER)
			return error_set(err, EPROTO, "unexpected message %d from the container",
					 r);
		r = listener_deliver(ex->c, ex->exec->spec, ex->pid, code, "running", err);
		if (r < 0)
			return r;
		r = sync_send(ex->runtime_sync, SYNC_LISTENER_SENT, 0);
		if (r < 0)
			return error_sys(err, -r, "tell the container's process to go on");
	}
}

static int spawn(struct execution *ex, struct error *err)
{
	int cgroup_fd = ex->cgroup ? cgroup_clone_fd(ex->cgroup) : -1;
	int r;

	ex->pid = namespace_spawn_beside(ex->init_pidfd, ex->flags, cgroup_fd, &ex->enter,
					 prepare_stage, exec_main, ex, &ex->pidfd, err);
	if (cgroup_fd >= 0 && (ex->pid == -EBUSY || ex->pid == -EOPNOTSUPP || ex->pid == -EACCES)) {
		error_done(err);
		cgroup_clone_failed(ex->cgroup);
		ex->wait_go = true;
		ex->pid = namespace_spawn_beside(ex->init_pidfd, ex->flags, -1, &ex->enter,
						 prepare_stage, exec_main, ex, &ex->pidfd, err);
	}
	if (ex->pid < 0)
		return ex->pid;
	ex->sync = close_fd(ex->sync);
	r = equip(ex, err);
	return r < 0 ? r : accompany(ex, err);
}

int container_exec(const struct container *c, const struct container_exec *exec, pid_t *ret_pid,
		   int *ret_pidfd, struct error *err)
{
	_cleanup_(execution_done) struct execution ex = { .c = c,
							  .exec = exec,
							  .init_pidfd = -1,
							  .proc_pid_fd = -1,
							  .sync = -1,
							  .runtime_sync = -1,
							  .pidfd = -1 };
	int r;

	rootfs_init(&ex.fs);
	r = prepare(&ex, err);
	if (r < 0)
		return r;
	if (exec->process->exec_cpu_affinity && exec->process->exec_cpu_affinity->initial) {
		/* Inherited by the child; on this thread only for the clone. */
		cpu_set_t own;

		if (sched_getaffinity(0, sizeof(own), &own) < 0)
			return error_sys(err, errno, "sched_getaffinity");
		r = cpu_affinity_apply(exec->process->exec_cpu_affinity->initial, err);
		if (r == 0)
			r = spawn(&ex, err);
		(void)sched_setaffinity(0, sizeof(own), &own);
	} else {
		r = spawn(&ex, err);
	}
	if (r < 0) {
		if (ex.pidfd >= 0) {
			(void)pidfd_kill(ex.pidfd, SIGKILL);
			(void)pidfd_reap(ex.pidfd);
		}
		return r;
	}
	*ret_pid = ex.pid;
	*ret_pidfd = TAKE_FD(ex.pidfd);
	return 0;
}
