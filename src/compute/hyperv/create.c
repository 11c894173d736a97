/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/create.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/memfd.h"
#include "base/path.h"
#include "base/pid.h"
#include "compute/hyperv/client.h"
#include "compute/hyperv/host_limits.h"
#include "compute/hyperv/layers.h"
#include "compute/hyperv/machine_settings.h"
#include "compute/hyperv/pod.h"
#include "compute/hyperv/request_time.h"
#include "compute/hyperv/share.h"
#include "compute/hyperv/translate.h"
#include "compute/status.h"
#include "container/hooks.h"
#include "container/sync.h"
#include "container/sysctl.h"
#include "vm/nic.h"
#include "vmproc/launch.h"

/* No user of a distribution or of a user namespace's usual range is up here: two for each VM. */
#define UID_BASE 0x70000000u
/* How long a VM that was told to end may take. */
#define END_TIMEOUT_MS 10000

struct vm_creation {
	const struct isolation_create *create;
	struct container c;
	struct pod pod; /* the VM that is joined, if one is */
	struct mount_plan *mounts;
	struct host_limits limits;
	struct cgroup *cgroup;
	struct vm_settings settings;
	struct layer_disks layers;
	struct nic_plan nics;
	struct request_times times;
	int netns;             /* given by path, -1: none */
	int pidfd, sync, vmwp; /* vmproc, the conversation with it, the VM's worker */
	bool cgroup_made, socket_made, control_made, shared, nics_made;
};

static void vm_creation_done(struct vm_creation *cr)
{
	container_done(&cr->c);
	pod_done(&cr->pod);
	mount_plan_free(cr->mounts);
	if (cr->cgroup)
		cgroup_free(cr->cgroup);
	vm_settings_done(&cr->settings);
	layer_disks_done(&cr->layers);
	nic_plan_done(&cr->nics);
	cr->netns = close_fd(cr->netns);
	cr->pidfd = close_fd(cr->pidfd);
	cr->sync = close_fd(cr->sync);
	cr->vmwp = close_fd(cr->vmwp);
}

uint32_t hyperv_uid(pid_t pid)
{
	return UID_BASE + 2 * (uint32_t)pid;
}

/* The network of the VM that is joined is its owner's, whose process on the host is in it too. */
static int check_pod_netns(const struct vm_creation *cr, const struct oci_namespace *ns,
			   struct error *err)
{
	struct stat wanted, owners;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)cr->pod.owner.container.pid);
	if (stat(ns->path, &wanted) < 0)
		return error_sys(err, errno, "linux.namespaces[%zu].path: %s", ns->index, ns->path);
	if (stat(path, &owners) < 0)
		return error_sys(err, errno, "%s", path);
	if (wanted.st_dev == owners.st_dev && wanted.st_ino == owners.st_ino)
		return 0;
	return error_set(err, EINVAL,
			 "linux.namespaces[%zu].path: %s: the containers of one VM share its "
			 "network, which is that of \"%s\"",
			 ns->index, ns->path, cr->pod.owner.container.id);
}

/* Whose interfaces would be taken away from the host. */
static bool is_our_netns(int netns)
{
	struct stat given, own;

	return fstat(netns, &given) == 0 && stat("/proc/self/ns/net", &own) == 0 &&
	       given.st_ino == own.st_ino && given.st_dev == own.st_dev;
}

static int open_netns(struct vm_creation *cr, struct error *err)
{
	const struct oci_linux *l = cr->create->engine.spec->linux_;
	const struct oci_namespace *ns = l ? &l->namespaces[OCI_NS_NETWORK] : NULL;

	if (!ns || !ns->path)
		return 0;
	if (cr->pod.joined)
		return check_pod_netns(cr, ns, err);
	cr->netns = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (cr->netns < 0)
		return error_sys(err, errno, "linux.namespaces[%zu].path: %s", ns->index, ns->path);
	if (ioctl(cr->netns, NS_GET_NSTYPE) != CLONE_NEWNET)
		return error_set(err, EINVAL,
				 "linux.namespaces[%zu].path: %s is not a network namespace",
				 ns->index, ns->path);
	if (is_our_netns(cr->netns))
		return error_set(err, ENOTSUP,
				 "linux.namespaces[%zu].path: %s is the host's network, which a VM "
				 "cannot share",
				 ns->index, ns->path);
	return 0;
}

static struct translation translation_of(const struct vm_creation *cr)
{
	const struct container_create *engine = &cr->create->engine;

	return (struct translation){
		.spec = engine->spec,
		.mounts = cr->mounts,
		.text = cr->create->config,
		.len = cr->create->config_len,
		.id = engine->id,
		.bundle = engine->bundle,
		.owner = cr->pod.joined ? &cr->pod.owner : NULL,
		.owner_hostname = cr->pod.joined ? cr->pod.spec.hostname : NULL,
		.owner_domainname = cr->pod.joined ? cr->pod.spec.domainname : NULL,
		.has_disks = cr->layers.len > 0,
		.preserve_fds = engine->preserve_fds,
		.listen_fds = engine->listen_fds,
		.warn = engine->warn,
		.warn_data = engine->warn_data,
	};
}

static int plan_names(struct vm_creation *cr, struct error *err)
{
	const struct container_create *engine = &cr->create->engine;
	const struct oci_spec *spec = engine->spec;

	cr->c.id = strdup(engine->id);
	cr->c.bundle = strdup(engine->bundle);
	cr->c.rootfs = path_join(engine->bundle,
				 spec->layer_folders.len > 0
					 ? spec->layer_folders.items[spec->layer_folders.len - 1]
					 : spec->root->path);
	cr->c.cgroup_manager = engine->cgroup_manager;
	return cr->c.id && cr->c.bundle && cr->c.rootfs ? 0 : error_oom(err);
}

static int plan_cgroup(struct vm_creation *cr, struct error *err)
{
	const struct container_create *engine = &cr->create->engine;
	const struct oci_linux *l = engine->spec->linux_;
	struct cgroup_options options = {
		.manager = engine->cgroup_manager,
		.path = l ? l->cgroups_path : NULL,
		.id = engine->id,
		.spec = engine->spec,
		.rootless = engine->rootless,
	};
	int r;

	if (engine->cgroup_manager == CGROUP_DISABLED)
		return 0;
	host_limits_of(engine->spec, cr->pod.joined ? NULL : &cr->settings, &cr->limits);
	r = cgroup_plan(&options, &cr->limits.resources, &cr->cgroup, err);
	if (r < 0)
		return r;
	cr->c.cgroup_path = strdup(cgroup_path(cr->cgroup));
	if (cgroup_scope(cr->cgroup))
		cr->c.cgroup_scope = strdup(cgroup_scope(cr->cgroup));
	return cr->c.cgroup_path ? 0 : error_oom(err);
}

/* Paths and sizes; nothing is made. */
static int plan(struct vm_creation *cr, struct error *err)
{
	const struct container_create *engine = &cr->create->engine;
	struct translation t;
	int r;

	if (geteuid() != 0)
		return error_set(err, EPERM,
				 "isolation hyperv: needs root, which the share's daemon serves "
				 "files as");
	r = plan_names(cr, err);
	if (r == 0)
		r = pod_find(cr->create, &cr->pod, err);
	if (r == 0)
		r = mount_plan_parse(engine->spec, &cr->mounts, err);
	if (r < 0)
		return r;
	t = translation_of(cr);
	r = translation_check(&t, err);
	if (r == 0)
		r = sysctl_check(engine->spec, err);
	if (r == 0)
		r = layer_disks_open(engine->spec, engine->bundle, cr->pod.joined, &cr->layers,
				     err);
	if (r == 0)
		r = request_times_get(engine->spec, &cr->times, err);
	if (r == 0)
		r = open_netns(cr, err);
	if (r == 0 && !cr->pod.joined)
		r = machine_settings_make(cr->create, &cr->settings, err);
	if (r == 0)
		r = pod_describe(&cr->pod, &cr->settings, &cr->create->stored->vm, err);
	return r < 0 ? r : plan_cgroup(cr, err);
}

/* A socket in the state directory: by its descriptor, whose path is short. */
static int listen_at(int dir_fd, const char *name, int type, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	char via[FD_PATH_MAX];

	if (sock < 0)
		return error_sys(err, errno, "socket %s", name);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fd_path(dir_fd, via),
		       name);
	if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(sock, 64) < 0)
		return error_sys(err, errno, "listen at %s", name);
	return TAKE_FD(sock);
}

/* In the child that becomes vmproc: what it starts is in the container's cgroup with it. */
static int enter_cgroup(void *data, struct error *err)
{
	struct vm_creation *cr = data;
	int r = cr->cgroup ? cgroup_enter(cr->cgroup, err) : 0;

	return r == 0 && cr->cgroup ? cgroup_enter_memory(cr->cgroup, err) : r;
}

static int make_cgroup(struct vm_creation *cr, struct error *err)
{
	int r;

	if (!cr->cgroup)
		return 0;
	r = cgroup_create(cr->cgroup, &cr->limits.resources, err);
	if (r < 0)
		return r;
	cr->cgroup_made = true;
	if (cgroup_is_absent(cr->cgroup)) {
		cgroup_free(TAKE_PTR(cr->cgroup));
		free(TAKE_PTR(cr->c.cgroup_path));
		cr->cgroup_made = false;
		return 0;
	}
	return cgroup_open_enter(cr->cgroup, err);
}

static int spawn(struct vm_creation *cr, struct error *err)
{
	struct vmproc_spawn spawn = {
		.id = cr->c.id,
		.netns = cr->netns,
		.new_netns = cr->netns < 0,
		.stdio = { 0, 1, 2 },
		.cgroup_fd = cr->cgroup ? cgroup_clone_fd(cr->cgroup) : -1,
		.prepare = enter_cgroup,
		.data = cr,
	};
	struct pid_stat stat;
	int r = vmproc_spawn(&spawn, &cr->c.pid, &cr->pidfd, &cr->sync, err);

	if (spawn.cgroup_fd >= 0 && (r == -EBUSY || r == -EOPNOTSUPP || r == -EACCES)) {
		error_done(err);
		cgroup_clone_failed(cr->cgroup);
		spawn.cgroup_fd = -1;
		r = vmproc_spawn(&spawn, &cr->c.pid, &cr->pidfd, &cr->sync, err);
	}
	if (r < 0)
		return r;
	r = pid_read_stat(cr->c.pid, &stat);
	if (r < 0)
		return error_sys(err, -r, "read the start time of the container's process");
	cr->c.pid_start = stat.start_time;
	return cr->cgroup ? cgroup_attach(cr->cgroup, cr->c.pid, &cr->limits.resources, err) : 0;
}

static int run_runtime_hooks(struct vm_creation *cr, struct error *err)
{
	const struct oci_spec *spec = cr->create->engine.spec;
	struct hook_state state = {
		.oci_version = spec->oci_version,
		.id = cr->c.id,
		.bundle = cr->c.bundle,
		.status = "creating",
		.pid = cr->c.pid,
		.annotations = &spec->annotations,
	};
	_cleanup_close_ int bundle = open(cr->c.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (bundle < 0)
		return error_sys(err, errno, "open %s", cr->c.bundle);
	r = hooks_run(spec, OCI_HOOK_PRESTART, &state, bundle, err);
	return r < 0 ? r : hooks_run(spec, OCI_HOOK_CREATE_RUNTIME, &state, bundle, err);
}

/* Interfaces that the namespace came with, or that a hook put into vmproc's (docker's does). */
static int attach_network(struct vm_creation *cr, struct error *err)
{
	const struct oci_spec *spec = cr->create->engine.spec;
	_cleanup_close_ int own = -1;
	char path[48];
	int netns = cr->netns, r;

	if (cr->pod.joined || (netns < 0 && !hooks_any(spec, OCI_HOOK_PRESTART) &&
			       !hooks_any(spec, OCI_HOOK_CREATE_RUNTIME)))
		return 0;
	if (netns < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)cr->c.pid);
		netns = own = open(path, O_RDONLY | O_CLOEXEC);
		if (own < 0)
			return error_sys(err, errno, "open %s", path);
	}
	r = nic_attach(netns, &cr->nics, err);
	cr->nics_made = r == 0;
	return r;
}

static int start_vm(struct vm_creation *cr, struct error *err)
{
	_cleanup_close_ int control = -1, memfd = -1;
	int fds[VM_NICS_MAX + VM_EXTENTS_MAX];
	size_t n = 0;
	struct pid_stat stat;
	struct stored_vm *vm = &cr->create->stored->vm;
	int r;

	if (cr->pod.joined) {
		cr->vmwp = pid_open(cr->pod.owner.vm.pid, cr->pod.owner.vm.pid_start);
		return cr->vmwp < 0 ? error_set(err, ESRCH, "host %s: its VM has ended",
						cr->pod.owner.container.id)
				    : 0;
	}
	control = listen_at(cr->create->engine.state_fd, STORE_VM_SOCKET, SOCK_STREAM, err);
	if (control < 0)
		return control;
	cr->control_made = true;
	cr->settings.uid = hyperv_uid(cr->c.pid);
	n = layer_disks_attach(&cr->layers, &cr->settings, fds);
	for (size_t i = 0; i < cr->nics.len; i++) {
		cr->settings.nics[i] = cr->nics.nics[i];
		fds[n] = cr->nics.nics[i].tap_fd;
		cr->settings.nics[i].tap_fd = VM_FD_FIRST + (int)n++;
	}
	cr->settings.nics_len = cr->nics.len;
	memfd = memfd_of_json("vm", vm_settings_json(&cr->settings), err);
	if (memfd < 0)
		return memfd;
	r = vmproc_send_vm(cr->sync, memfd, control, fds, n, &vm->pid, err);
	if (r < 0)
		return r;
	r = pid_read_stat(vm->pid, &stat);
	if (r < 0)
		return error_sys(err, -r, "read the start time of vmwp");
	vm->pid_start = stat.start_time;
	cr->vmwp = pid_open(vm->pid, vm->pid_start);
	return cr->vmwp < 0 ? error_sys(err, -cr->vmwp, "vmwp") : 0;
}

static int attach_share(struct vm_creation *cr, struct error *err)
{
	const struct share share = {
		.spec = cr->create->engine.spec,
		.mounts = cr->mounts,
		.id = cr->c.id,
		.bundle = cr->c.bundle,
		.rootfs = cr->layers.len > 0 ? NULL : cr->c.rootfs,
	};

	cr->shared = true;
	return share_attach(&share, cr->vmwp, err);
}

/* Mounting it is a file system more for a guest that boots. */
static bool needs_share(const struct vm_creation *cr)
{
	for (size_t i = 0; i < cr->mounts->len; i++)
		if (cr->mounts->steps[i].kind == MOUNT_KIND_BIND)
			return true;
	return cr->layers.len == 0;
}

static int make_requests(struct vm_creation *cr, json_t **ret, struct error *err)
{
	struct translation t = translation_of(cr);
	json_t *config = NULL, *create, *requests = json_array();
	int r = translation_make(&t, cr->nics.request != NULL, &config, err);

	if (r < 0) {
		json_decref(requests);
		return r;
	}
	if (cr->nics.request)
		(void)json_array_append_new(requests, TAKE_PTR(cr->nics.request));
	create = json_pack("{s:s, s:s, s:s, s:o, s:b}", "op", "create", "id", cr->c.id, "bundle",
			   cr->c.bundle, "config", config, "files_only",
			   (int)cr->create->engine.files_only);
	layer_disks_describe(&cr->layers, create);
	if (!needs_share(cr))
		(void)json_object_set_new(create, "share", json_false());
	(void)json_array_append_new(requests, create);
	*ret = requests;
	return 0;
}

static int begin(struct vm_creation *cr, struct error *err)
{
	const struct container_create *engine = &cr->create->engine;
	const struct oci_process *process = engine->spec->process;
	_cleanup_close_ int connection = -1, start = -1, reason = -1;
	struct stored s = *cr->create->stored;
	json_t *requests = NULL;
	int r, guest_pid;

	s.container = cr->c;
	connection = hyperv_connect(&s, err);
	if (connection < 0)
		return connection;
	reason = openat(engine->state_fd, STORE_REASON,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (reason < 0)
		return error_sys(err, errno, "make the file " STORE_REASON);
	if (engine->with_socket) {
		start = listen_at(engine->state_fd, CONTAINER_START_SOCKET, SOCK_SEQPACKET, err);
		if (start < 0)
			return start;
		cr->socket_made = true;
	}
	r = make_requests(cr, &requests, err);
	if (r == 0) {
		const struct vmproc_begin what = {
			.connection = connection,
			.start_socket = start,
			.console = process->terminal ? engine->console_sock : -1,
			.reason = reason,
			.rows = (uint16_t)process->console_size.height,
			.columns = (uint16_t)process->console_size.width,
			.create_ms = cr->times.create,
			.start_ms = cr->times.start,
			.uid = hyperv_uid(cr->pod.joined ? cr->pod.owner.container.pid : cr->c.pid),
			.warn = engine->warn,
			.warn_data = engine->warn_data,
		};

		r = vmproc_begin(cr->sync, requests, &what, &guest_pid, err);
		json_decref(requests);
	}
	return r;
}

static int make(struct vm_creation *cr, struct error *err)
{
	const struct container_create *engine = &cr->create->engine;
	int r = 0;

	if (cr->cgroup)
		r = cgroup_check_unused(cr->cgroup, err);
	if (r == 0)
		r = engine->record(&cr->c, engine->data, err);
	if (r == 0)
		r = make_cgroup(cr, err);
	if (r == 0)
		r = spawn(cr, err);
	if (r == 0)
		r = run_runtime_hooks(cr, err);
	if (r == 0)
		r = attach_network(cr, err);
	if (r == 0)
		r = start_vm(cr, err);
	if (r == 0)
		r = attach_share(cr, err);
	if (r == 0)
		r = begin(cr, err);
	if (r == 0)
		r = engine->record(&cr->c, engine->data, err);
	if (r == 0 && engine->with_socket) {
		r = sync_send(cr->sync, SYNC_COMMIT, 0);
		if (r < 0)
			r = error_sys(err, -r, "the container's process ended");
	}
	return r;
}

static void undo(struct vm_creation *cr)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const struct container_create *engine = &cr->create->engine;

	cr->sync = close_fd(cr->sync);
	if (cr->pidfd >= 0) {
		(void)pidfd_kill(cr->pidfd, SIGKILL);
		(void)pidfd_reap(cr->pidfd);
	}
	if (cr->vmwp >= 0 && !cr->pod.joined) {
		(void)pidfd_wait_end(cr->vmwp, END_TIMEOUT_MS);
		/* An orphan, which as a subreaper we have got. */
		(void)waitid(P_PIDFD, (id_t)cr->vmwp, NULL, WEXITED | WNOHANG);
	}
	if (cr->shared && cr->pod.joined)
		(void)share_detach(cr->c.id, cr->vmwp, &ignored);
	if (cr->nics_made && cr->netns >= 0)
		(void)nic_detach(cr->netns, &ignored);
	if (cr->cgroup_made) {
		(void)cgroup_signal_all(cr->cgroup, SIGKILL, &ignored);
		(void)cgroup_destroy(cr->cgroup, 2000, &ignored);
	}
	if (cr->socket_made)
		(void)unlinkat(engine->state_fd, CONTAINER_START_SOCKET, 0);
	if (cr->control_made)
		(void)unlinkat(engine->state_fd, STORE_VM_SOCKET, 0);
}

int hyperv_create(const struct isolation_create *create, struct container *ret, int *ret_pidfd,
		  int *ret_init, struct error *err)
{
	_cleanup_(vm_creation_done) struct vm_creation cr = { .create = create,
							      .layers = LAYER_DISKS_INIT,
							      .netns = -1,
							      .pidfd = -1,
							      .sync = -1,
							      .vmwp = -1 };
	int r = plan(&cr, err);

	if (r < 0)
		return r;
	r = make(&cr, err);
	if (r < 0) {
		undo(&cr);
		return r;
	}
	*ret = cr.c;
	cr.c = (struct container){ 0 };
	*ret_pidfd = TAKE_FD(cr.pidfd);
	*ret_init = create->engine.with_socket ? -1 : TAKE_FD(cr.sync);
	return 0;
}
