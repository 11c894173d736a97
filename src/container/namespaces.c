/* SPDX-License-Identifier: Apache-2.0 */
#include "container/namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "container/sync.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
	int flag;
	const char *file; /* in /proc/PID/ns */
	const char *name; /* in linux.namespaces */
} kinds[OCI_NS_KINDS] = {
	[OCI_NS_PID] = { CLONE_NEWPID, "pid", "pid" },
	[OCI_NS_NETWORK] = { CLONE_NEWNET, "net", "network" },
	[OCI_NS_MOUNT] = { CLONE_NEWNS, "mnt", "mount" },
	[OCI_NS_IPC] = { CLONE_NEWIPC, "ipc", "ipc" },
	[OCI_NS_UTS] = { CLONE_NEWUTS, "uts", "uts" },
	[OCI_NS_USER] = { CLONE_NEWUSER, "user", "user" },
	[OCI_NS_CGROUP] = { CLONE_NEWCGROUP, "cgroup", "cgroup" },
	[OCI_NS_TIME] = { CLONE_NEWTIME, "time", "time" },
};

int namespace_flag(enum oci_namespace_kind kind)
{
	return kinds[kind].flag;
}

const char *namespace_file(enum oci_namespace_kind kind)
{
	return kinds[kind].file;
}

static int open_joined(enum oci_namespace_kind kind, const char *path, int *ret, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int type;

	if (fd < 0)
		return error_sys(err, errno, "linux.namespaces: %s namespace %s", kinds[kind].name,
				 path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return error_set(err, EINVAL,
				 "linux.namespaces: %s namespace: %s is not a namespace",
				 kinds[kind].name, path);
	if (type != kinds[kind].flag)
		return error_set(err, EINVAL,
				 "linux.namespaces: %s namespace: %s is of another kind",
				 kinds[kind].name, path);
	*ret = TAKE_FD(fd);
	return 0;
}

int namespace_plan_make(const struct oci_linux *l, struct namespace_plan *ret, struct error *err)
{
	_cleanup_(namespace_plan_done) struct namespace_plan plan = { .linux_ = l };
	char path[32];

	for (int k = 0; k < OCI_NS_KINDS; k++)
		plan.join_fd[k] = -1;
	for (int k = 0; l && k < OCI_NS_KINDS; k++) {
		const struct oci_namespace *ns = &l->namespaces[k];
		int r;

		if (!ns->present)
			continue;
		if (ns->path) {
			r = open_joined(k, ns->path, &plan.join_fd[k], err);
			if (r < 0)
				return r;
			continue;
		}
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[k].file);
		if (access(path, F_OK) < 0)
			return error_set(err, ENOTSUP,
					 "linux.namespaces: this kernel has no %s namespaces",
					 kinds[k].file);
		if (k == OCI_NS_CGROUP)
			plan.new_cgroup = true;
		else if (k == OCI_NS_TIME)
			plan.new_time = true;
		else if (k == OCI_NS_NETWORK && l->net_devices.len == 0)
			plan.new_net = true;
		else
			plan.new_flags |= kinds[k].flag;
	}
	/* An ordinary user has the right only inside the user namespace, where no stage ever is. */
	plan.time_inside = plan.new_time && plan.new_flags & CLONE_NEWUSER && geteuid() != 0;
	*ret = plan;
	for (int k = 0; k < OCI_NS_KINDS; k++)
		plan.join_fd[k] = -1;
	return 0;
}

void namespace_plan_done(struct namespace_plan *plan)
{
	for (int k = 0; k < OCI_NS_KINDS; k++)
		plan->join_fd[k] = close_fd(plan->join_fd[k]);
}

/* clone3 without a new stack: returns twice as fork does. cgroup_fd -1: stay. */
static pid_t clone_child(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		/* With CLONE_PARENT the kernel takes the signal of the caller. */
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	pid_t pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

static int explain_clone(struct error *err, int code, uint64_t flags)
{
	if (code == EPERM && flags & CLONE_NEWUSER)
		return error_sys(err, code,
				 "make the user namespace (is it allowed to this user? see "
				 "/proc/sys/user/max_user_namespaces)");
	if (code == EPERM)
		return error_sys(
			err, code,
			"make the namespaces (an ordinary user needs a user namespace among "
			"linux.namespaces: see spec --rootless)");
	if (code == ENOSPC)
		return error_sys(err, code, "make the namespaces (limits: /proc/sys/user/max_*)");
	return error_sys(err, code, "make the namespaces");
}

static bool needs_stage(const struct namespace_plan *plan)
{
	if (plan->new_time && !plan->time_inside)
		return true;
	for (int k = 0; k < OCI_NS_KINDS; k++)
		if (plan->join_fd[k] >= 0)
			return true;
	return false;
}

/* The order matters twice. As root of the host everything can be joined first and the user
 * namespace last; as an ordinary user nothing can be joined before the user namespace that owns it.
 * So: what fails with EPERM is tried again after the user namespace. The mount namespace comes
 * after the others, since it takes our root away. */
static int join_all(const struct namespace_plan *plan, struct error *err)
{
	static const enum oci_namespace_kind order[] = { OCI_NS_PID,  OCI_NS_NETWORK, OCI_NS_IPC,
							 OCI_NS_UTS,  OCI_NS_CGROUP,  OCI_NS_TIME,
							 OCI_NS_MOUNT };
	bool again[ARRAY_SIZE(order)] = { false };
	int user = plan->join_fd[OCI_NS_USER];

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int fd = plan->join_fd[order[i]];

		if (fd < 0 || setns(fd, kinds[order[i]].flag) == 0)
			continue;
		if (errno != EPERM || user < 0)
			return error_sys(err, errno, "join the %s namespace %s",
					 kinds[order[i]].file,
					 plan->linux_->namespaces[order[i]].path);
		again[i] = true;
	}
	/* EINVAL: it is our own already. */
	if (user >= 0 && setns(user, CLONE_NEWUSER) < 0 && errno != EINVAL)
		return error_sys(err, errno, "join the user namespace %s",
				 plan->linux_->namespaces[OCI_NS_USER].path);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (again[i] && setns(plan->join_fd[order[i]], kinds[order[i]].flag) < 0)
			return error_sys(err, errno, "join the %s namespace %s",
					 kinds[order[i]].file,
					 plan->linux_->namespaces[order[i]].path);
	return 0;
}

/* Before anything is joined: behind a mount namespace /proc is what a container made of it. */
static int open_offsets(struct error *err)
{
	int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "linux.timeOffsets: open /proc/self/timens_offsets")
		      : fd;
}

/* Children of the caller will be born into it; offsets can be written until the first is. */
static int make_time(const struct oci_linux *l, int offsets, struct error *err)
{
	char text[128];
	int n = 0;

	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, errno, "make the time namespace");
	if (l->time_offset_monotonic.set)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "monotonic %lld %u\n",
			      (long long)l->time_offset_monotonic.secs,
			      l->time_offset_monotonic.nanosecs);
	if (l->time_offset_boottime.set)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "boottime %lld %u\n",
			      (long long)l->time_offset_boottime.secs,
			      l->time_offset_boottime.nanosecs);
	if (n == 0)
		return 0;
	return write(offsets, text, (size_t)n) != n ? error_sys(err, errno, "linux.timeOffsets")
						    : 0;
}

int namespace_unshare_time(const struct namespace_plan *plan, struct error *err)
{
	_cleanup_close_ int offsets = -1, made = -1;
	int r;

	if (!plan->time_inside)
		return 0;
	offsets = open_offsets(err);
	if (offsets < 0)
		return offsets;
	r = make_time(plan->linux_, offsets, err);
	if (r < 0)
		return r;
	made = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (made < 0 || setns(made, CLONE_NEWTIME) < 0)
		return error_sys(err, errno, "enter the time namespace");
	return 0;
}

/* What the intermediate process is for: the namespaces of a plan, or those of a process. */
struct stage {
	const struct namespace_plan *plan;
	int beside, beside_flags;
	namespace_prepare_fn prepare;
	namespace_child_fn child;
	void *data;
};

/* Joins, makes the time namespace, clones the child as a sibling. */
static _Noreturn void stage_main(const struct stage *stage, int report)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const struct namespace_plan *plan = stage->plan;
	uint64_t flags = plan ? (uint64_t)(unsigned)plan->new_flags : 0;
	int pidfd = -1, offsets = -1;
	pid_t pid;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (plan && plan->new_time && !plan->time_inside) {
		offsets = open_offsets(&err);
		if (offsets < 0)
			goto fail;
	}
	if (stage->prepare && stage->prepare(stage->data, report, &err) < 0)
		goto fail;
	/* Not to be looked into from a namespace that it has just joined. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (!plan && namespace_enter(stage->beside, stage->beside_flags, &err) < 0)
		goto fail;
	if (plan && join_all(plan, &err) < 0)
		goto fail;
	/* A time namespace belongs to the user namespace of its maker, so with a new one for the
	 * container the offsets are written by the host's root before: they are only the start values. */
	if (offsets >= 0 && make_time(plan->linux_, offsets, &err) < 0)
		goto fail;
	(void)close_fd(offsets);
	pid = clone_child(flags | CLONE_PARENT, -1, &pidfd);
	if (pid == 0) {
		(void)close_fd(report);
		stage->child(stage->data);
	}
	if (pid < 0) {
		(void)explain_clone(&err, -pid, flags);
		goto fail;
	}
	(void)fd_send(report, &pid, sizeof(pid), &pidfd, 1);
	_exit(0);
fail:
	sync_send_error(report, &err);
	_exit(1);
}

/* The stage's one message: a pid with a pidfd, or an error. */
static pid_t stage_result(int report, int *ret_pidfd, struct error *err)
{
	size_t n = 1;
	int fd = -1;
	pid_t pid = 0;
	ssize_t len;

	/* The pid message is shorter than an error's header, so a peek tells which it is. */
	len = recv(report, &pid, sizeof(pid), MSG_PEEK | MSG_TRUNC);
	if (len != (ssize_t)sizeof(pid)) {
		int r = sync_receive(report, NULL, err);

		return r < 0 ? r
			     : error_set(err, ECONNRESET, "namespace helper ended unexpectedly");
	}
	len = fd_receive(report, &pid, sizeof(pid), &fd, &n);
	if (len != (ssize_t)sizeof(pid) || n != 1)
		return error_set(err, EPROTO, "namespace helper sent a broken message");
	*ret_pidfd = fd;
	return pid;
}

static pid_t spawn_staged(const struct stage *stage, int cgroup_fd, int *ret_pidfd,
			  struct error *err)
{
	_cleanup_close_ int report = -1, far_end = -1, stage_fd = -1;
	int pair[2];
	pid_t pid, result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	report = pair[0];
	far_end = pair[1];
	/* The stage goes into the cgroup, and what it clones is born there. */
	pid = clone_child(0, cgroup_fd, &stage_fd);
	if (pid < 0)
		return error_sys(err, -pid, "clone");
	if (pid == 0) {
		(void)close_fd(report);
		stage_main(stage, far_end);
	}
	far_end = close_fd(far_end);
	result = stage_result(report, ret_pidfd, err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return result;
}

pid_t namespace_spawn(const struct namespace_plan *plan, int cgroup_fd, namespace_child_fn child,
		      void *data, int *ret_pidfd, struct error *err)
{
	uint64_t flags = (uint64_t)(unsigned)plan->new_flags;
	pid_t pid;

	if (needs_stage(plan)) {
		struct stage stage = { .plan = plan, .child = child, .data = data };

		return spawn_staged(&stage, cgroup_fd, ret_pidfd, err);
	}
	pid = clone_child(flags, cgroup_fd, ret_pidfd);
	if (pid == 0)
		child(data);
	return pid < 0 ? explain_clone(err, -pid, flags) : pid;
}

int namespace_unshare_net(const struct namespace_plan *plan, struct error *err)
{
	if (plan->new_net && unshare(CLONE_NEWNET) < 0)
		return explain_clone(err, errno, CLONE_NEWNET);
	return 0;
}

int namespace_unshare_cgroup(const struct namespace_plan *plan, struct error *err)
{
	if (plan->new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, errno, "make the cgroup namespace");
	return 0;
}

pid_t namespace_spawn_beside(int pidfd, int flags, int cgroup_fd, int *ret_enter,
			     namespace_prepare_fn prepare, namespace_child_fn child, void *data,
			     int *ret_pidfd, struct error *err)
{
	struct stage stage = { .beside = pidfd,
			       .beside_flags = flags,
			       .prepare = prepare,
			       .child = child,
			       .data = data };
	pid_t pid;

	if (flags & CLONE_NEWPID || (flags & CLONE_NEWUSER && geteuid() != 0)) {
		*ret_enter = 0;
		return spawn_staged(&stage, cgroup_fd, ret_pidfd, err);
	}
	*ret_enter = flags;
	pid = clone_child(0, cgroup_fd, ret_pidfd);
	if (pid == 0)
		child(data);
	return pid < 0 ? error_sys(err, -pid, "clone") : pid;
}

int namespace_enter(int pidfd, int flags, struct error *err)
{
	if (flags && setns(pidfd, flags) < 0)
		return errno == ESRCH
			       ? error_set(err, ESRCH,
					   "cannot exec in a stopped container: it has just ended")
			       : error_sys(err, errno, "join the container's namespaces");
	return 0;
}

int namespace_differing(int proc_pid_fd, int *ret_flags, struct error *err)
{
	int flags = 0;

	for (int k = 0; k < OCI_NS_KINDS; k++) {
		struct stat theirs, ours;
		char path[32];

		(void)snprintf(path, sizeof(path), "ns/%s", kinds[k].file);
		if (fstatat(proc_pid_fd, path, &theirs, 0) < 0) {
			if (errno == ENOENT && k != OCI_NS_PID)
				continue;
			return error_sys(err, errno, "read the container's %s namespace",
					 kinds[k].file);
		}
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[k].file);
		if (stat(path, &ours) < 0)
			return error_sys(err, errno, "read own %s namespace", kinds[k].file);
		if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
			flags |= kinds[k].flag;
	}
	*ret_flags = flags;
	return 0;
}
