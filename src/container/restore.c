/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/pid.h"
#include "container/checkpoint.h"
#include "container/checkpoint_mounts.h"
#include "container/checkpoint_opts.h"
#include "container/checkpoint_stdio.h"
#include "container/hooks.h"
#include "container/mount_fd.h"
#include "container/namespaces.h"
#include "container/overlay.h"
#include "container/rdt.h"
#include "container/rootfs.h"

/* Everything that restoring holds. */
struct restoring {
	const struct container_create *create;
	const struct container_checkpoint *options;
	struct container c;
	struct namespace_plan namespaces;
	struct mount_plan *mounts;
	struct cgroup *cgroup;
	struct criu criu;
	char *root; /* path of the root that criu is given, in its mount namespace */
	int pidfd;
	struct layer_mounts files; /* see struct rootfs */
	int fds[2 + OCI_NS_KINDS]; /* for criu: see criu_launch; borrowed */
	bool cgroup_made;
};

static void restoring_done(struct restoring *rs)
{
	criu_done(&rs->criu);
	namespace_plan_done(&rs->namespaces);
	if (rs->mounts)
		mount_plan_free(rs->mounts);
	if (rs->cgroup)
		cgroup_free(rs->cgroup);
	free(TAKE_PTR(rs->root));
	rs->pidfd = close_fd(rs->pidfd);
	layer_mounts_done(&rs->files);
	container_done(&rs->c);
}

static int plan_cgroup(struct restoring *rs, struct error *err)
{
	const struct container_create *create = rs->create;
	const struct oci_linux *l = create->spec->linux_;
	const struct cgroup_options options = {
		.manager = create->cgroup_manager,
		.path = l ? l->cgroups_path : NULL,
		.id = create->id,
		.spec = create->spec,
		.rootless = create->rootless,
	};
	const char *scope;
	int r;

	if (create->cgroup_manager == CGROUP_DISABLED)
		return 0;
	r = cgroup_plan(&options, l ? l->resources : NULL, &rs->cgroup, err);
	if (r < 0)
		return r;
	scope = cgroup_scope(rs->cgroup);
	rs->c.cgroup_path = strdup(cgroup_path(rs->cgroup));
	rs->c.cgroup_scope = scope ? strdup(scope) : NULL;
	return rs->c.cgroup_path && (rs->c.cgroup_scope || !scope) ? 0 : error_oom(err);
}

static int plan(struct restoring *rs, struct error *err)
{
	const struct container_create *create = rs->create;
	const struct oci_spec *spec = create->spec;
	_cleanup_free_ char *state = NULL;
	char via[FD_PATH_MAX];
	int r;

	rs->c.id = strdup(create->id);
	rs->c.bundle = strdup(create->bundle);
	/* As container_create: with layers what can be named is the scratch. */
	rs->c.rootfs = path_join(create->bundle,
				 spec->layer_folders.len > 0
					 ? spec->layer_folders.items[spec->layer_folders.len - 1]
					 : spec->root->path);
	rs->c.cgroup_manager = create->cgroup_manager;
	state = realpath(fd_path(create->state_fd, via), NULL);
	if (!state)
		return error_sys(err, errno, "state directory");
	if (asprintf(&rs->root, "%s/root", state) < 0)
		rs->root = NULL;
	if (!rs->c.id || !rs->c.bundle || !rs->c.rootfs || !rs->root)
		return error_oom(err);
	r = namespace_plan_make(spec->linux_, &rs->namespaces, err);
	if (r == 0)
		r = mount_plan_parse(spec, &rs->mounts, err);
	return r < 0 ? r : plan_cgroup(rs, err);
}

static int make_cgroup(struct restoring *rs, struct error *err)
{
	const struct oci_linux *l = rs->create->spec->linux_;
	const char *freezer;
	int r;

	if (!rs->cgroup)
		return 0;
	r = cgroup_create(rs->cgroup, l ? l->resources : NULL, err);
	if (r < 0)
		return r;
	rs->cgroup_made = true;
	freezer = cgroup_freezer_dir(rs->cgroup);
	rs->c.cgroup_freezer = freezer ? strdup(freezer) : NULL;
	return cgroup_open_enter(rs->cgroup, err);
}

/* The mount that path is on gives nothing on to the host any more: what is mounted there stays
 * ours. */
static int isolate_mount_of(const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0) {
		struct statx stx;
		int up;

		if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) < 0)
			break;
		if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return mount_fd_propagate(fd, MS_SLAVE, false, err);
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close_fd(fd);
		fd = up;
	}
	return error_sys(err, errno, "find the mount of %s", path);
}

static int open_root(struct restoring *rs, struct error *err)
{
	struct rootfs fs;
	int fd;

	if (rs->create->spec->layer_folders.len == 0) {
		fd = mount_fd_clone(AT_FDCWD, rs->c.rootfs, true);
		return fd < 0 ? error_sys(err, -fd, "root.path %s", rs->c.rootfs) : fd;
	}
	rootfs_init(&fs);
	fs.spec = rs->create->spec;
	fs.bundle = rs->create->bundle;
	fs.files = rs->files; /* of this child */
	rs->files = LAYER_MOUNTS_INIT;
	fd = overlay_mount(&fs, err);
	rootfs_done(&fs);
	if (fd >= 0) {
		int copy = mount_fd_clone(fd, "", false);

		(void)close_fd(fd);
		return copy < 0 ? error_sys(err, -copy, "windows.layerFolders") : copy;
	}
	return fd;
}

/* criu wants a root that is a mount point, on a mount that nothing covers. It is made in a mount
 * namespace of criu's own, on a tmpfs over the state directory, so that it needs no place on the
 * host and ends with criu. */
static int make_root(struct restoring *rs, struct error *err)
{
	_cleanup_close_ int root_fd = -1, target_fd = -1;
	_cleanup_free_ char *state = strdup(rs->root);
	int r;

	if (!state)
		return error_oom(err);
	*strrchr(state, '/') = '\0';
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, errno, "unshare the mount namespace");
	r = isolate_mount_of(state, err);
	if (r < 0)
		return r;
	root_fd = open_root(rs, err);
	if (root_fd < 0)
		return root_fd;
	r = checkpoint_mounts_make_targets(rs->mounts, rs->create->bundle, root_fd, err);
	if (r < 0)
		return r;
	if (mount("tmpfs", state, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700,size=64k") <
	    0)
		return error_sys(err, errno, "mount a tmpfs for criu");
	if (mkdir(rs->root, 0700) < 0)
		return error_sys(err, errno, "make %s", rs->root);
	target_fd = open(rs->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target_fd < 0)
		return error_sys(err, errno, "open %s", rs->root);
	return mount_fd_attach(root_fd, target_fd, err);
}

/* The same directory in our mount namespace now: criu mounts things in its work directory. */
static int reopen(int *fd, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	char via[FD_PATH_MAX];

	path = realpath(fd_path(*fd, via), NULL);
	*fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return *fd < 0 ? error_sys(err, errno, "open %s", path ? path : "the image directory") : 0;
}

/* In the child that becomes criu: what it restores inherits its cgroups. */
static int enter(void *data, struct error *err)
{
	struct restoring *rs = data;
	int r = 0;

	if (rs->cgroup)
		r = cgroup_enter(rs->cgroup, err);
	if (r == 0 && rs->cgroup)
		r = cgroup_enter_memory(rs->cgroup, err);
	if (r == 0)
		r = make_root(rs, err);
	/* criu before 3.19 does not bring it back: what it restores inherits it instead. */
	if (r == 0 && rs->create->spec->process->no_new_privileges &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = error_sys(err, errno, "process.noNewPrivileges");
	if (r == 0)
		r = reopen(&rs->fds[0], err);
	return r < 0 ? r : reopen(&rs->fds[1], err);
}

static void put_cgroup_root(struct criu_message *opts, const char *controller, const char *path)
{
	criu_put_pair(opts, OPT_CG_ROOT, controller, path);
}

/* The dumped cgroups become those that criu itself is in: lines "id:controllers:path". */
static int put_cgroups(pid_t pid, struct criu_message *opts, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char file[32], *save_line = NULL;
	size_t len;
	int r;

	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	r = file_read(AT_FDCWD, file, (size_t)1 << 20, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "read %s", file);
	for (char *line = strtok_r(text, "\n", &save_line); line;
	     line = strtok_r(NULL, "\n", &save_line)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
		char *save = NULL;

		if (!path)
			continue;
		*path++ = '\0';
		names++;
		/* cgroup2 has the empty name. */
		if (!*names)
			put_cgroup_root(opts, "", path);
		for (char *name = strtok_r(names, ",", &save); name;
		     name = strtok_r(NULL, ",", &save))
			put_cgroup_root(opts, name, path);
	}
	return 0;
}

static int launch(struct restoring *rs, struct criu_message *opts, struct error *err)
{
	const struct oci_linux *l = rs->create->spec->linux_;
	struct criu_launch launch = {
		.program = rs->options->program, .keep_stdio = true, .enter = enter, .data = rs
	};
	int r;

	launch.fds = rs->fds;
	rs->fds[launch.fds_len++] = rs->options->image_fd;
	rs->fds[launch.fds_len++] = rs->options->work_fd;
	for (int k = 0; k < OCI_NS_KINDS; k++) {
		const char *key = checkpoint_namespace_key((enum oci_namespace_kind)k);

		if (rs->namespaces.join_fd[k] < 0)
			continue;
		if (!key) {
			criu_put_pair(opts, OPT_JOIN_NS, namespace_file((enum oci_namespace_kind)k),
				      l->namespaces[k].path);
			continue;
		}
		checkpoint_inherit_fd(opts, key, CRIU_MORE_FDS - 2 + (int)launch.fds_len);
		rs->fds[launch.fds_len++] = rs->namespaces.join_fd[k];
	}
	r = criu_launch(&launch, &rs->criu, err);
	if (r == 0 && rs->cgroup)
		r = cgroup_attach(rs->cgroup, rs->criu.pid, l ? l->resources : NULL, err);
	if (r == 0 && l && l->intel_rdt)
		r = rdt_apply(l->intel_rdt, rs->c.id, rs->criu.pid, &rs->c.rdt_made, err);
	return r < 0 ? r : put_cgroups(rs->criu.pid, opts, err);
}

static int run_hooks(struct restoring *rs, pid_t pid, struct error *err)
{
	const struct oci_spec *spec = rs->create->spec;
	struct hook_state state = {
		.oci_version = spec->oci_version,
		.id = rs->create->id,
		.bundle = rs->create->bundle,
		.status = "creating",
		.pid = pid,
		.annotations = &spec->annotations,
	};
	_cleanup_close_ int bundle = open(rs->create->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (bundle < 0)
		return error_sys(err, errno, "open %s", rs->create->bundle);
	r = hooks_run(spec, OCI_HOOK_PRESTART, &state, bundle, err);
	return r < 0 ? r : hooks_run(spec, OCI_HOOK_CREATE_RUNTIME, &state, bundle, err);
}

/* Its processes are there, and do not run yet. */
static int settle(struct restoring *rs, pid_t pid, struct error *err)
{
	const struct oci_linux *l = rs->create->spec->linux_;
	struct pid_stat stat;
	int r;

	if (pid <= 0)
		return error_set(err, EPROTO, "criu does not say which process it restored");
	rs->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (rs->pidfd < 0)
		return error_sys(err, errno, "restored process %d", (int)pid);
	r = pid_read_stat(pid, &stat);
	if (r < 0)
		return error_sys(err, -r, "restored process %d", (int)pid);
	rs->c.pid = pid;
	rs->c.pid_start = stat.start_time;
	r = rs->cgroup ? cgroup_finish(rs->cgroup, l ? l->resources : NULL, err) : 0;
	return r < 0 ? r : rs->create->record(&rs->c, rs->create->data, err);
}

static int notify(const char *script, pid_t pid, int fd, void *data, struct error *err)
{
	static const char terminal[] = "/dev/pts/ptmx";
	struct restoring *rs = data;
	int r;

	if (strcmp(script, "setup-namespaces") == 0)
		return run_hooks(rs, pid, err);
	if (strcmp(script, "post-restore") == 0)
		return settle(rs, pid, err);
	if (strcmp(script, "orphan-pts-master") != 0)
		return 0;
	if (fd < 0)
		return error_set(err, EPROTO, "criu sent no terminal");
	if (rs->create->console_sock < 0)
		return error_set(err, EINVAL,
				 "the checkpoint has a terminal, process.terminal is false");
	r = fd_send(rs->create->console_sock, terminal, sizeof(terminal), &fd, 1);
	return r < 0 ? error_sys(err, -r, "send the terminal to the console socket") : 0;
}

static int make(struct restoring *rs, struct error *err)
{
	_cleanup_criu_message_ struct criu_message opts = { 0 };
	const struct container_checkpoint *o = rs->options;
	struct criu_exchange x = {
		.type = CRIU_RESTORE, .opts = &opts, .notify = notify, .data = rs
	};
	int r = checkpoint_opts(rs->create->spec, o, CHECKPOINT_RESTORE_LOG, &opts, err);

	if (r == 0)
		r = checkpoint_stdio_restore(o->image_fd, &opts, err);
	if (r == 0)
		r = rs->create->record(&rs->c, rs->create->data, err);
	if (r == 0)
		r = layer_mounts_open(rs->create->spec, rs->create->bundle, &rs->files, err);
	if (r == 0)
		r = make_cgroup(rs, err);
	if (r == 0)
		r = checkpoint_mounts_restore(rs->mounts, rs->create->bundle, rs->cgroup,
					      o->image_fd, &opts, err);
	if (r == 0)
		r = launch(rs, &opts, err);
	if (r < 0)
		return r;
	criu_put_text(&opts, OPT_ROOT, rs->root);
	criu_put_number(&opts, OPT_EVASIVE_DEVICES, 1);
	/* The restored init becomes our child, not criu's. */
	criu_put_number(&opts, OPT_RST_SIBLING, 1);
	(void)unlinkat(o->work_fd, CHECKPOINT_RESTORE_LOG, 0);
	r = criu_request(&rs->criu, &x, err);
	if (r == -EREMOTEIO)
		criu_explain(o->work_fd, CHECKPOINT_RESTORE_LOG, err);
	if (r == 0 && rs->pidfd < 0)
		r = error_set(err, EPROTO, "criu does not say which process it restored");
	return r;
}

static void undo(struct restoring *rs)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const struct oci_linux *l = rs->create->spec->linux_;

	/* criu kills what it restored when the conversation breaks off; what it leaves is ours to
	 * end. */
	criu_done(&rs->criu);
	if (rs->pidfd >= 0) {
		(void)pidfd_kill(rs->pidfd, SIGKILL);
		(void)pidfd_reap(rs->pidfd);
	}
	if (rs->c.rdt_made)
		(void)rdt_remove(l->intel_rdt, rs->c.id, true, &ignored);
	if (rs->cgroup_made)
		(void)cgroup_destroy(rs->cgroup, 2000, &ignored);
}

int container_restore(const struct container_create *create,
		      const struct container_checkpoint *options, struct container *ret,
		      int *ret_pidfd, struct error *err)
{
	_cleanup_(restoring_done) struct restoring rs = { .create = create,
							  .options = options,
							  .criu = CRIU_INIT,
							  .pidfd = -1,
							  .files = LAYER_MOUNTS_INIT };
	int r;

	for (int k = 0; k < OCI_NS_KINDS; k++)
		rs.namespaces.join_fd[k] = -1;
	r = plan(&rs, err);
	if (r < 0)
		return r;
	r = make(&rs, err);
	if (r < 0) {
		undo(&rs);
		return r;
	}
	criu_done(&rs.criu);
	*ret = rs.c;
	rs.c = (struct container){ 0 };
	*ret_pidfd = TAKE_FD(rs.pidfd);
	return 0;
}
