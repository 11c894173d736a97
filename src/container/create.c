/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/pid.h"
#include "container/hooks.h"
#include "container/init.h"
#include "container/lsm.h"
#include "container/netdev.h"
#include "container/rdt.h"
#include "container/sync.h"
#include "container/sysctl.h"
#include "container/user_map.h"

/* Everything that creating holds on the runtime's side. */
struct creation {
	const struct container_create *create;
	struct container c;
	struct namespace_plan namespaces;
	struct mount_plan *mounts;
	struct cgroup *cgroup;
	struct init init;
	int sync, pidfd;
	bool cgroup_made, socket_made;
};

static void creation_done(struct creation *cr)
{
	namespace_plan_done(&cr->namespaces);
	if (cr->mounts)
		mount_plan_free(cr->mounts);
	if (cr->cgroup)
		cgroup_free(cr->cgroup);
	process_plan_done(&cr->init.process);
	layer_mounts_done(&cr->init.fs.files);
	cr->init.sync = close_fd(cr->init.sync);
	cr->init.listen = close_fd(cr->init.listen);
	cr->sync = close_fd(cr->sync);
	cr->pidfd = close_fd(cr->pidfd);
	container_done(&cr->c);
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* Without cgroups no limit can hold. Device rules are what every config has, and the devices of a container
 * without a cgroup are those of its /dev. */
static int refuse_limits(const struct oci_resources *res, struct error *err)
{
	const char *key = NULL;

	if (!res)
		return 0;
	if (res->memory)
		key = "memory";
	else if (res->cpu)
		key = "cpu";
	else if (res->pids_limit.set)
		key = "pids";
	else if (res->block_io)
		key = "blockIO";
	else if (res->hugepage_limits.len > 0)
		key = "hugepageLimits";
	else if (res->network)
		key = "network";
	else if (res->rdma.len > 0)
		key = "rdma";
	else if (res->unified.len > 0)
		key = "unified";
	if (key)
		return error_set(
			err, EINVAL,
			"linux.resources.%s: needs cgroups, and the cgroup manager is disabled",
			key);
	return 0;
}

/* Paths and parsed options; nothing is made. */
static int plan(struct creation *cr, struct error *err)
{
	const struct container_create *create = cr->create;
	const struct oci_spec *spec = create->spec;
	const struct oci_linux *l = spec->linux_;
	struct cgroup_options options = {
		.manager = create->cgroup_manager,
		.path = l ? l->cgroups_path : NULL,
		.id = create->id,
		.spec = spec,
		.rootless = create->rootless,
	};
	int r;

	cr->c.id = strdup(create->id);
	cr->c.bundle = strdup(create->bundle);
	/* With layers what can be named is the scratch: the overlay is nowhere on the host. */
	cr->c.rootfs = path_join(create->bundle,
				 spec->layer_folders.len > 0
					 ? spec->layer_folders.items[spec->layer_folders.len - 1]
					 : spec->root->path);
	cr->c.cgroup_manager = create->cgroup_manager;
	if (!cr->c.id || !cr->c.bundle || !cr->c.rootfs)
		return error_oom(err);
	r = lsm_check_mount_label(l ? l->mount_label : NULL, err);
	if (r == 0)
		r = namespace_plan_make(l, &cr->namespaces, err);
	if (r == 0)
		r = mount_plan_parse(spec, &cr->mounts, err);
	if (r == 0)
		r = sysctl_check(spec, err);
	if (r == 0 && l)
		r = netdev_check(&l->net_devices, err);
	if (r == 0 && l)
		r = rdt_check(l->intel_rdt, err);
	if (r == 0)
		r = process_plan_make(&cr->init.process, spec->process, spec, "process",
				      create->seccomp_cache_fd, err);
	if (r < 0)
		return r;
	if (create->cgroup_manager == CGROUP_DISABLED)
		return refuse_limits(l ? l->resources : NULL, err);
	r = cgroup_plan(&options, l ? l->resources : NULL, &cr->cgroup, err);
	if (r < 0)
		return r;
	cr->c.cgroup_path = copy(cgroup_path(cr->cgroup));
	cr->c.cgroup_scope = copy(cgroup_scope(cr->cgroup));
	return 0;
}

static int make_start_socket(struct creation *cr, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int sock = -1;
	char via[FD_PATH_MAX];

	if (!cr->create->with_socket)
		return 0;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return error_sys(err, errno, "start socket");
	/* Through the descriptor of the state directory: its path may be longer than sun_path. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" CONTAINER_START_SOCKET,
		       fd_path(cr->create->state_fd, via));
	if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, errno, "bind the start socket");
	cr->socket_made = true;
	if (listen(sock, 4) < 0)
		return error_sys(err, errno, "listen at the start socket");
	cr->init.listen = TAKE_FD(sock);
	return 0;
}

/* v1 directories are many, and making them takes as long as a network namespace: so they are made
 * while the child is at that, and it opens and joins them itself. Not where it could not: with
 * other rights than ours, in another mount namespace, or where systemd makes them. */
static bool cgroup_beside_child(const struct creation *cr)
{
	return cr->cgroup && cr->create->cgroup_manager == CGROUP_CGROUPFS &&
	       !cgroup_is_unified(cr->cgroup) && !(cr->namespaces.new_flags & CLONE_NEWUSER) &&
	       cr->namespaces.join_fd[OCI_NS_USER] < 0 &&
	       cr->namespaces.join_fd[OCI_NS_MOUNT] < 0 && geteuid() == 0;
}

static int make_cgroup(struct creation *cr, struct error *err)
{
	const struct oci_linux *l = cr->create->spec->linux_;
	int r;

	if (!cr->cgroup)
		return 0;
	cr->cgroup_made = true;
	r = cgroup_create(cr->cgroup, l ? l->resources : NULL, err);
	if (r < 0) {
		cr->cgroup_made = cr->init.opens_cgroup;
		return r;
	}
	if (cgroup_is_absent(cr->cgroup)) {
		cgroup_free(TAKE_PTR(cr->cgroup));
		free(TAKE_PTR(cr->c.cgroup_path));
		cr->cgroup_made = false;
		return 0;
	}
	cr->c.cgroup_freezer = copy(cgroup_freezer_dir(cr->cgroup));
	return 0;
}

/* What must be there before the clone. */
static int begin_cgroup(struct creation *cr, struct error *err)
{
	const struct oci_linux *l = cr->create->spec->linux_;
	int r;

	if (cgroup_beside_child(cr)) {
		r = cgroup_create_v2(cr->cgroup, l ? l->resources : NULL, err);
		cr->cgroup_made = r == 0;
		cr->init.opens_cgroup = r == 0;
		return r;
	}
	r = make_cgroup(cr, err);
	if (r == 0 && cr->cgroup)
		r = cgroup_open_enter(cr->cgroup, err);
	return r;
}

static bool joins_any(const struct namespace_plan *ns)
{
	for (int k = 0; k < OCI_NS_KINDS; k++)
		if (ns->join_fd[k] >= 0)
			return true;
	return false;
}

/* What init is told; it inherits this memory. */
static int prepare_init(struct creation *cr, struct error *err)
{
	const struct container_create *create = cr->create;
	const struct oci_spec *spec = create->spec;
	const struct oci_linux *l = spec->linux_;
	struct init *in = &cr->init;
	int flags = cr->namespaces.new_flags, pair[2];

	in->create = create;
	in->container = &cr->c;
	in->namespaces = &cr->namespaces;
	in->cgroup = cr->cgroup;
	in->new_userns = flags & CLONE_NEWUSER;
	in->new_mntns = flags & CLONE_NEWNS;
	in->any_join = joins_any(&cr->namespaces);
	in->process.is_init = true;
	in->process.preserve_fds = create->preserve_fds;
	in->process.listen_fds = create->listen_fds;
	in->process.console_sock = create->console_sock;
	in->process.rlimits_by_parent = in->new_userns || cr->namespaces.join_fd[OCI_NS_USER] >= 0;
	in->wait_go =
		in->opens_cgroup || in->new_userns || create->cgroup_manager == CGROUP_SYSTEMD ||
		(l && (l->net_devices.len > 0 || l->intel_rdt)) || spec->process->oom_score_adj.set;
	in->fs.spec = spec;
	in->fs.mounts = cr->mounts;
	in->fs.path = cr->c.rootfs;
	in->fs.bundle = create->bundle;
	in->fs.cgroup = cr->cgroup;
	in->fs.userns = in->process.rlimits_by_parent;
	in->fs.new_netns = cr->namespaces.new_net || flags & CLONE_NEWNET;
	in->fs.new_cgroupns = cr->namespaces.new_cgroup;
	in->fs.no_pivot = create->no_pivot;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	cr->sync = in->runtime_sync = pair[0];
	in->sync = pair[1];
	return 0;
}

/* What only the host's side may do to the new process, before it goes on. */
static int equip(struct creation *cr, struct error *err)
{
	const struct container_create *create = cr->create;
	const struct oci_linux *l = create->spec->linux_;
	pid_t pid = cr->c.pid;
	int r = 0;

	if (cr->init.opens_cgroup)
		r = make_cgroup(cr, err);
	if (r == 0 && cr->init.new_userns)
		r = user_map_write(pid, &l->uid_mappings, &l->gid_mappings, err);
	if (r == 0 && cr->cgroup)
		r = cgroup_attach(cr->cgroup, pid, l ? l->resources : NULL, err);
	if (r == 0 && create->spec->process->oom_score_adj.set)
		r = process_set_oom_score(pid, create->spec->process->oom_score_adj.value, err);
	if (r == 0 && l && l->net_devices.len > 0) {
		_cleanup_close_ int netns = -1;
		char path[48];

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
		netns = open(path, O_RDONLY | O_CLOEXEC);
		r = netns < 0 ? error_sys(err, errno, "open %s", path)
			      : netdev_move(&l->net_devices, netns, err);
	}
	if (r == 0 && l && l->intel_rdt)
		r = rdt_apply(l->intel_rdt, create->id, pid, &cr->c.rdt_made, err);
	if (r < 0)
		return r;
	if (cr->init.wait_go) {
		r = sync_send(cr->sync, SYNC_GO, 0);
		if (r < 0)
			return error_sys(err, -r, "tell the container's process to go on");
	}
	return 0;
}

static int run_runtime_hooks(struct creation *cr, struct error *err)
{
	const struct oci_spec *spec = cr->create->spec;
	struct hook_state state = {
		.oci_version = spec->oci_version,
		.id = cr->create->id,
		.bundle = cr->create->bundle,
		.status = "creating",
		.pid = cr->c.pid,
		.annotations = &spec->annotations,
	};
	_cleanup_close_ int bundle = open(cr->create->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (bundle < 0)
		return error_sys(err, errno, "open %s", cr->create->bundle);
	r = hooks_run(spec, OCI_HOOK_PRESTART, &state, bundle, err);
	if (r == 0)
		r = hooks_run(spec, OCI_HOOK_CREATE_RUNTIME, &state, bundle, err);
	if (r < 0)
		return r;
	r = sync_send(cr->sync, SYNC_HOOKS_RUN, 0);
	return r < 0 ? error_sys(err, -r, "tell the container's process to go on") : 0;
}

/* Until init says that it waits for start. */
static int accompany(struct creation *cr, struct error *err)
{
	const struct oci_linux *l = cr->create->spec->linux_;
	int r;

	for (;;) {
		r = sync_receive(cr->sync, NULL, err);
		if (r == SYNC_READY)
			break;
		if (r == SYNC_MOUNTED)
			r = run_runtime_hooks(cr, err);
		else if (r == 0)
			r = error_set(err, ECONNRESET,
				      "the container's process was killed while it was set up "
				      "(out of memory? see linux.resources.memory.limit)");
		else if (r > 0)
			r = error_set(err, EPROTO, "unexpected message %d from the container", r);
		if (r < 0)
			return r;
	}
	r = 0;
	if (cr->init.process.rlimits_by_parent)
		r = process_raise_rlimits(cr->c.pid, &cr->init.process.rlimits, err);
	if (r == 0 && cr->cgroup)
		r = cgroup_finish(cr->cgroup, l ? l->resources : NULL, err);
	if (r == 0)
		r = cr->create->record(&cr->c, cr->create->data, err);
	if (r == 0 && cr->create->with_socket) {
		r = sync_send(cr->sync, SYNC_COMMIT, 0);
		if (r < 0)
			r = error_sys(err, -r, "the container's process ended");
	}
	return r;
}

static void undo(struct creation *cr)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const struct oci_linux *l = cr->create->spec->linux_;

	cr->sync = close_fd(cr->sync);
	if (cr->pidfd >= 0) {
		(void)pidfd_kill(cr->pidfd, SIGKILL);
		(void)pidfd_reap(cr->pidfd);
	}
	if (cr->c.rdt_made)
		(void)rdt_remove(l->intel_rdt, cr->c.id, true, &ignored);
	if (cr->cgroup_made)
		(void)cgroup_destroy(cr->cgroup, 2000, &ignored);
	if (cr->socket_made)
		(void)unlinkat(cr->create->state_fd, CONTAINER_START_SOCKET, 0);
}

/* Into the cgroup by the clone itself where the host has cgroup2; where that is refused (threaded
 * domains, processes above) by cgroup_attach, for which init then waits. */
static int spawn(struct creation *cr, struct error *err)
{
	int cgroup_fd = cr->cgroup ? cgroup_clone_fd(cr->cgroup) : -1;
	pid_t pid;

	pid = namespace_spawn(&cr->namespaces, cgroup_fd, init_main, &cr->init, &cr->pidfd, err);
	if (cgroup_fd >= 0 && (pid == -EBUSY || pid == -EOPNOTSUPP || pid == -EACCES)) {
		error_done(err);
		cgroup_clone_failed(cr->cgroup);
		cr->init.wait_go = true;
		pid = namespace_spawn(&cr->namespaces, -1, init_main, &cr->init, &cr->pidfd, err);
	}
	if (pid < 0)
		return pid;
	cr->c.pid = pid;
	return 0;
}

/* As runc does; but not in silence. */
static void warn_of_joined_mounts(const struct creation *cr)
{
	const struct container_create *create = cr->create;
	const struct oci_linux *l = create->spec->linux_;

	if (cr->namespaces.join_fd[OCI_NS_MOUNT] < 0 || !create->warn)
		return;
	if (create->spec->mounts.len > 0 || l->masked_paths.len > 0 || l->readonly_paths.len > 0 ||
	    l->devices.len > 0 || (create->spec->root && create->spec->root->readonly))
		create->warn(
			"linux.namespaces: the mount namespace is joined, its root is used as it "
			"is: root, mounts, linux.devices, linux.maskedPaths and "
			"linux.readonlyPaths have no effect",
			create->warn_data);
}

static int make(struct creation *cr, struct error *err)
{
	struct pid_stat stat;
	int r = 0;

	if (cr->cgroup)
		r = cgroup_check_unused(cr->cgroup, err);
	if (r == 0)
		r = cr->create->record(&cr->c, cr->create->data, err);
	if (r == 0)
		r = mount_plan_open_userns(cr->mounts, err);
	if (r == 0)
		r = mount_plan_open_sources(cr->mounts, cr->create->bundle, err);
	if (r == 0)
		r = layer_mounts_open(cr->create->spec, cr->create->bundle, &cr->init.fs.files,
				      err);
	if (r == 0)
		r = make_start_socket(cr, err);
	if (r == 0)
		r = begin_cgroup(cr, err);
	if (r == 0)
		r = prepare_init(cr, err);
	if (r < 0)
		return r;
	r = spawn(cr, err);
	if (r < 0)
		return r;
	cr->init.sync = close_fd(cr->init.sync);
	cr->init.listen = close_fd(cr->init.listen);
	layer_mounts_done(&cr->init.fs.files);
	r = pid_read_stat(cr->c.pid, &stat);
	if (r < 0)
		return error_sys(err, -r, "read the start time of the container's process");
	cr->c.pid_start = stat.start_time;
	r = equip(cr, err);
	if (r == 0)
		return accompany(cr, err);
	return r;
}

/* A child that fails says why and ends; what failed on this side then is only the echo. */
static int prefer_childs_error(struct creation *cr, int r, struct error *err)
{
	_cleanup_error_ struct error childs = ERROR_INIT;
	int cr_r;

	if (cr->sync < 0 || cr->c.pid == 0 || (r != -EPIPE && r != -ECONNRESET && r != -ESRCH))
		return r;
	cr_r = sync_receive(cr->sync, NULL, &childs);
	if (cr_r >= 0)
		return r;
	error_done(err);
	error_move(err, &childs);
	return cr_r;
}

int container_create(const struct container_create *create, struct container *ret, int *ret_pidfd,
		     int *ret_init, struct error *err)
{
	_cleanup_(creation_done) struct creation cr = { .create = create, .sync = -1, .pidfd = -1 };
	int r;

	cr.init.sync = cr.init.listen = -1;
	cr.init.process.console_sock = -1;
	for (int k = 0; k < OCI_NS_KINDS; k++)
		cr.namespaces.join_fd[k] = -1;
	rootfs_init(&cr.init.fs);
	r = plan(&cr, err);
	if (r < 0)
		return r;
	r = make(&cr, err);
	/* Only of what was made: the error of what was not is one line. */
	if (r == 0 && !cr.init.fs.userns)
		r = process_warn_caps(&cr.init.process, "process", create->warn, create->warn_data,
				      err);
	if (r == 0)
		warn_of_joined_mounts(&cr);
	if (r < 0) {
		r = prefer_childs_error(&cr, r, err);
		undo(&cr);
		return r;
	}
	*ret = cr.c;
	cr.c = (struct container){ 0 };
	*ret_pidfd = TAKE_FD(cr.pidfd);
	*ret_init = create->with_socket ? -1 : TAKE_FD(cr.sync);
	return 0;
}
