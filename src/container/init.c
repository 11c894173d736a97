/* SPDX-License-Identifier: Apache-2.0 */
#include "container/init.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/hooks.h"
#include "container/keyring.h"
#include "container/loopback.h"
#include "container/sync.h"
#include "container/sysctl.h"

static int join(struct init *in, struct error *err)
{
	const struct oci_spec *spec = in->create->spec;
	int r = 0;

	/* Killed with the runtime until there is a state that names us. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Where others are already, none of them may look into this process, whose descriptors are
	 * the host's (CVE-2016-9962). */
	if (in->any_join)
		(void)prctl(PR_SET_DUMPABLE, 0);
	r = namespace_unshare_net(in->namespaces, err);
	if (r == 0 && in->fs.new_netns)
		r = loopback_up(err);
	if (r == 0 && in->wait_go)
		r = sync_expect(in->sync, SYNC_GO, NULL, err);
	if (r == 0 && in->opens_cgroup)
		r = cgroup_open_enter(in->cgroup, err);
	if (r == 0 && in->cgroup)
		r = cgroup_enter(in->cgroup, err);
	if (r < 0)
		return r;
	/* With unmapped ids this cannot be, and the namespace's owner does without. */
	if (in->fs.userns && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) && errno != EINVAL)
		return error_sys(err, errno, "become root of the user namespace");
	if (setsid() < 0)
		return error_sys(err, errno, "setsid");
	r = namespace_unshare_time(in->namespaces, err);
	if (r < 0)
		return r;
	/* cgroup2 must be mounted from inside it. */
	if (!in->cgroup || cgroup_is_unified(in->cgroup))
		r = namespace_unshare_cgroup(in->namespaces, err);
	if (r == 0 && !in->create->no_new_keyring)
		r = keyring_join_session(in->create->id, err);
	if (r < 0)
		return r;
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_sys(err, errno, "hostname %s", spec->hostname);
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_sys(err, errno, "domainname %s", spec->domainname);
	return 0;
}

static int run_hooks(struct init *in, enum oci_hook_kind kind, const char *status,
		     struct error *err)
{
	const struct oci_spec *spec = in->create->spec;
	struct hook_state state = {
		.oci_version = spec->oci_version,
		.id = in->create->id,
		.bundle = in->create->hooks_bundle ? in->create->hooks_bundle : in->create->bundle,
		.status = status,
		.pid = getpid(),
		.annotations = &spec->annotations,
	};

	return hooks_run(spec, kind, &state, -1, err);
}

/* The root with its mounts, hooks where the spec wants them, pivot. */
static int build_root(struct init *in, struct error *err)
{
	const struct oci_spec *spec = in->create->spec;
	bool joined = in->namespaces->join_fd[OCI_NS_MOUNT] >= 0;
	bool hooks_in_root = in->create->hooks_in_root;
	int r = 0;

	/* A mount namespace that was joined has its root already. */
	if (!joined)
		r = rootfs_setup(&in->fs, err);
	if (r < 0)
		return r;
	if (hooks_any(spec, OCI_HOOK_PRESTART) || hooks_any(spec, OCI_HOOK_CREATE_RUNTIME)) {
		r = sync_send(in->sync, SYNC_MOUNTED, 0);
		if (r < 0)
			return error_sys(err, -r, "report to the runtime");
		r = sync_expect(in->sync, SYNC_HOOKS_RUN, NULL, err);
		if (r < 0)
			return r;
	}
	if (!hooks_in_root)
		r = run_hooks(in, OCI_HOOK_CREATE_CONTAINER, "creating", err);
	if (r == 0 && !joined)
		r = rootfs_pivot(&in->fs, err);
	if (r == 0 && hooks_in_root)
		r = run_hooks(in, OCI_HOOK_CREATE_CONTAINER, "creating", err);
	if (r < 0 || !joined)
		return r;
	in->fs.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return in->fs.root_fd < 0 ? error_sys(err, errno, "open /") : 0;
}

static int make_cwd(struct init *in, struct error *err)
{
	const char *cwd = in->process.oci->cwd;
	_cleanup_close_ int fd = -1;

	if (chdir(cwd) == 0)
		return 0;
	if (errno == ENOENT) {
		/* Whatever the caller's umask: the user of the program must get in. */
		mode_t mask = umask(0022);

		fd = path_mkdirs(in->fs.root_fd, cwd, 0755, err);
		(void)umask(mask);
		if (fd < 0)
			return error_wrap(err, fd, "process.cwd");
		(void)chdir(cwd);
	}
	/* Anything else is said when the program is to run there, as its user. */
	return 0;
}

static int finish_root(struct init *in, struct error *err)
{
	const struct oci_linux *l = in->create->spec->linux_;
	int r = 0;

	if (l && l->sysctl.len > 0) {
		/* Before masks: they cover parts of /proc/sys. */
		r = rootfs_open_proc(&in->fs, err);
		if (r == 0)
			r = sysctl_apply(in->fs.proc_fd, &l->sysctl, err);
	}
	if (r == 0 && in->process.oci->terminal)
		r = process_open_terminal(&in->process, &in->fs, err);
	if (r == 0 && in->new_mntns)
		r = make_cwd(in, err);
	if (r == 0 && in->new_mntns)
		r = rootfs_finish(&in->fs, err);
	if (r < 0 || in->create->files_only)
		return r;
	r = process_find(&in->process, err);
	if (r == 0)
		r = process_complete_env(&in->process, &in->fs, err);
	return r;
}

static void end_by_signal(int sig)
{
	_exit(128 + sig);
}

/* As pid 1 of its namespace init has no default actions: without a handler `kill` and `stop` of a
 * created container would do nothing. */
static void die_when_told(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)signal(signals[i], end_by_signal);
}

/* Waits for a start command at the socket. One that ends before it has said START was killed: the
 * next may come. */
static int wait_for_start(struct init *in, struct error *err)
{
	for (;;) {
		int r, conn = accept4(in->listen, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			return error_sys(err, errno, "wait for start");
		}
		r = sync_receive(conn, NULL, err);
		if (r == SYNC_START) {
			in->sync = conn;
			in->listen = close_fd(in->listen);
			return 0;
		}
		error_done(err);
		(void)close_fd(conn);
	}
}

/* Until start may be a long time: locks and pipes that the caller had open, and directories of the host, are
 * not held that long. What the container shall have, 3 and so on, is. */
static void close_what_waits_for_nothing(const struct init *in)
{
	int keep[] = { in->sync, in->listen, in->fs.root_fd, in->fs.proc_fd };

	(void)fd_close_others(3 + in->create->preserve_fds, keep, ARRAY_SIZE(keep));
}

static int wait_until_started(struct init *in, struct error *err)
{
	int r;

	/* From here the end of the conversation tells that the runtime was killed; it may end by
	 * itself as soon as it has sent COMMIT. */
	(void)prctl(PR_SET_PDEATHSIG, 0);
	r = sync_send(in->sync, SYNC_READY, 0);
	if (r < 0)
		return error_sys(err, -r, "report to the runtime");
	if (in->listen < 0)
		return sync_expect(in->sync, SYNC_START, NULL, err);
	r = sync_expect(in->sync, SYNC_COMMIT, NULL, err);
	if (r < 0)
		return r;
	die_when_told();
	in->sync = close_fd(in->sync);
	close_what_waits_for_nothing(in);
	return wait_for_start(in, err);
}

static int init_run(struct init *in, struct error *err)
{
	int r;

	r = join(in, err);
	if (r == 0)
		r = build_root(in, err);
	if (r == 0)
		r = finish_root(in, err);
	/* Setting up is over: only the program is charged to its memory limit. */
	if (r == 0 && in->cgroup)
		r = cgroup_enter_memory(in->cgroup, err);
	/* Its roots are the cgroups that we are in when it is made: now all of them are the
	 * container's. */
	if (r == 0 && in->cgroup && !cgroup_is_unified(in->cgroup))
		r = namespace_unshare_cgroup(in->namespaces, err);
	if (r == 0)
		r = wait_until_started(in, err);
	if (r == 0 && in->create->files_only)
		r = error_set(err, EINVAL,
			      "the container was made for its files alone: it has no "
			      "program to start");
	if (r == 0)
		r = run_hooks(in, OCI_HOOK_START_CONTAINER, "created", err);
	if (r == 0)
		r = process_execute(&in->process, &in->fs, in->sync, err);
	return r;
}

_Noreturn void init_main(void *data)
{
	struct init *in = data;
	struct error err = ERROR_INIT;

	in->runtime_sync = close_fd(in->runtime_sync);
	/* The lock of the state directory is on it: it shall end with the command. */
	(void)close_fd(in->create->state_fd);
	(void)init_run(in, &err);
	sync_send_error(in->sync, &err);
	_exit(err.exit_status ? err.exit_status : 1);
}
