/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/pid.h"
#include "base/timestamp.h"
#include "compute/creating.h"
#include "compute/pid_file.h"
#include "compute/pod.h"
#include "compute/settings.h"
#include "compute/status.h"
#include "container/hooks.h"
#include "oci/parse.h"
#include "oci/validate.h"

void creating_done(struct creating *c)
{
	oci_spec_done(&c->spec);
	free(TAKE_PTR(c->config));
	free(TAKE_PTR(c->bundle));
	stored_done(&c->s);
	console_done(&c->console);
	c->pidfd = close_fd(c->pidfd);
	c->init = close_fd(c->init);
	c->cache_fd = close_fd(c->cache_fd);
}

/* That of the container whose VM, or pod, it is to be in. */
static enum compute_isolation isolation_of_pod(const struct creating *c)
{
	_cleanup_stored_ struct stored owner = { .dir_fd = -1 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const char *where, *id = pod_wanted(c->create, &c->spec, &where);

	/* One that is not there is told of by what would join it. */
	if (!id || store_open(c->host, id, STORE_READ, &owner, &ignored) < 0)
		return ISOLATION_DEFAULT;
	return owner.isolation;
}

static int default_isolation(struct creating *c, enum compute_isolation *ret, struct error *err)
{
	_cleanup_settings_ struct compute_settings settings = { 0 };
	int r;

	*ret = c->spec.vm ? ISOLATION_HYPERV : isolation_of_pod(c);
	if (*ret == ISOLATION_DEFAULT && (c->create->vm_host || c->create->kernel))
		*ret = ISOLATION_HYPERV;
	if (*ret != ISOLATION_DEFAULT)
		return 0;
	r = compute_settings_load(&settings, err);
	if (r < 0)
		return r;
	*ret = settings.isolation;
	return 0;
}

/* The flag, the annotation, the section that asks for a VM, the pod, the configuration file. */
static int choose_isolation(struct creating *c, struct error *err)
{
	const char *annotation = oci_annotation(&c->spec, "io.hcs.isolation");
	enum compute_isolation isolation = c->create->isolation;

	if (isolation == ISOLATION_DEFAULT && annotation &&
	    compute_isolation_parse(annotation, &isolation) < 0)
		return error_set(
			err, EINVAL,
			"annotations.io.hcs.isolation: \"%s\" is not default, process or hyperv",
			annotation);
	if (isolation == ISOLATION_DEFAULT && default_isolation(c, &isolation, err) < 0)
		return -err->code;
	if (isolation == ISOLATION_PROCESS && c->create->kernel)
		return error_set(err, EINVAL,
				 "kernel %s: process isolation has the host's kernel; isolation "
				 "hyperv has its own",
				 c->create->kernel);
	if (isolation == ISOLATION_PROCESS && c->create->vm_host)
		return error_set(
			err, EINVAL,
			"host %s: only with isolation hyperv is there a utility VM to join",
			c->create->vm_host);
	if (isolation == ISOLATION_PROCESS && c->spec.vm)
		return error_set(
			err, EINVAL,
			"vm: a config with a vm section cannot run with process isolation");
	c->s.isolation = isolation;
	c->ops = isolation_get(isolation);
	return 0;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);

	json_decref(string);
	return string;
}

static int read_config(struct creating *c, struct error *err)
{
	_cleanup_close_ int bundle_fd = -1;
	int r;

	c->bundle = realpath(c->create->bundle, NULL);
	if (!c->bundle)
		return error_sys(err, errno, "bundle %s", c->create->bundle);
	if (!is_utf8(c->bundle))
		return error_set(
			err, EINVAL,
			"bundle: its path is not UTF-8, and the state document could not name "
			"it");
	bundle_fd = open(c->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle_fd < 0)
		return error_sys(err, errno, "bundle %s", c->bundle);
	r = file_read_regular(bundle_fd, "config.json", OCI_CONFIG_MAX, &c->config, &c->config_len);
	if (r == -EFBIG)
		return error_set(err, EFBIG, "%s/config.json: larger than %zu MiB", c->bundle,
				 OCI_CONFIG_MAX >> 20);
	if (r == -EINVAL)
		return error_set(err, EINVAL, "%s/config.json: not a regular file", c->bundle);
	if (r < 0)
		return error_sys(err, -r, "%s/config.json", c->bundle);
	r = oci_spec_parse(c->config, c->config_len, &c->spec, err);
	if (r == 0)
		r = oci_validate(&c->spec, err);
	if (r < 0)
		return error_wrap(err, r, "config.json");
	return choose_isolation(c, err);
}

static int check_rootfs(struct creating *c, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (c->spec.layer_folders.len > 0 || !c->spec.root)
		return 0;
	path = path_join(c->bundle, c->spec.root->path);
	if (!path)
		return error_oom(err);
	if (stat(path, &st) < 0)
		return error_sys(err, errno, "root.path %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "root.path %s: not a directory", path);
	return 0;
}

/* The name of uid in /etc/passwd (a static program has no other name services), else the number. */
static char *owner_name(uid_t uid)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;
	char *name = NULL;

	while (f && (pw = fgetpwent(f)))
		if (pw->pw_uid == uid)
			return strdup(pw->pw_name);
	return asprintf(&name, "%u", uid) < 0 ? NULL : name;
}

static int open_store(struct creating *c, struct error *err)
{
	int r = store_make(c->host, c->create->id, &c->s.dir_fd, err);
	char now[TIMESTAMP_SIZE];

	if (r < 0)
		return r;
	c->stored = true;
	if (c->spec.linux_ && c->spec.linux_->seccomp)
		c->cache_fd = store_seccomp_cache(c->host);
	c->s.created = strdup(timestamp_now(now));
	c->s.owner = c->create->owner ? strdup(c->create->owner) : owner_name(geteuid());
	c->s.oci_version = strdup(c->spec.oci_version);
	return c->s.created && c->s.owner && c->s.oci_version ? 0 : error_oom(err);
}

/* See container_create.record. The spec goes first: what is recorded can be cleaned by its words.
 */
int creating_record(const struct container *container, void *data, struct error *err)
{
	struct creating *c = data;
	struct stored s = c->s;
	int r = 0;

	if (!c->recorded)
		r = store_save_config(c->s.dir_fd, c->config, c->config_len, err);
	if (r < 0)
		return r;
	c->recorded = true;
	s.container = *container;
	return store_save(&s, err);
}

static void run_poststop(const struct compute_host *host, const struct stored *s,
			 const struct oci_spec *spec)
{
	struct hook_state state = { .oci_version = spec->oci_version,
				    .id = s->container.id,
				    .bundle = s->container.bundle,
				    .status = "stopped",
				    .annotations = &spec->annotations };

	hooks_run_poststop(spec, &state, host->warn, host->warn_data);
}

void creating_undo(struct creating *c)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	if (!c->stored)
		return;
	if (c->recorded && hooks_any(&c->spec, OCI_HOOK_POSTSTOP)) {
		struct stored s = { .container = { .id = (char *)(uintptr_t)c->create->id,
						   .bundle = c->bundle } };

		run_poststop(c->host, &s, &c->spec);
	}
	(void)store_remove(c->host, c->create->id, c->s.dir_fd, &ignored);
}

static int make(struct creating *c, bool with_socket, struct error *err)
{
	const struct container_create engine = {
		.spec = &c->spec,
		.id = c->create->id,
		.bundle = c->bundle,
		.state_fd = c->s.dir_fd,
		.seccomp_cache_fd = c->cache_fd,
		.cgroup_manager = c->host->cgroup_manager,
		.rootless = c->host->rootless,
		.no_pivot = c->create->no_pivot,
		.no_new_keyring = c->create->no_new_keyring,
		.hooks_in_root = c->create->hooks_in_root,
		.files_only = c->create->files_only,
		.hooks_bundle = c->create->hooks_bundle,
		.console_sock = c->console.sock,
		.preserve_fds = c->create->preserve_fds,
		.listen_fds = c->create->listen_fds,
		.with_socket = with_socket,
		.record = creating_record,
		.data = c,
		.warn = c->host->warn,
		.warn_data = c->host->warn_data,
	};
	const struct isolation_create create = {
		.engine = engine,
		.host = c->host,
		.request = c->create,
		.config = c->config,
		.config_len = c->config_len,
		.stored = &c->s,
	};
	int r;

	r = c->ops->create(&create, &c->s.container, &c->pidfd, &c->init, err);
	if (r < 0)
		return r;
	r = pid_file_write(c->create->pid_file, c->s.container.pid, err);
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)c->ops->destroy(&c->s, &c->spec, &ignored);
		(void)pidfd_reap(c->pidfd);
	}
	return r;
}

int creating_prepare(struct creating *c, bool detach, struct error *err)
{
	int r = compute_check_id(c->create->id, err);

	if (r == 0)
		r = read_config(c, err);
	if (r == 0)
		r = check_rootfs(c, err);
	if (r == 0)
		r = console_open(&c->console, c->spec.process->terminal, detach,
				 c->create->console_socket, err);
	if (r == 0)
		r = open_store(c, err);
	return r;
}

int compute_create(const struct compute_host *host, const struct compute_create *create,
		   struct error *err)
{
	_cleanup_creating_ struct creating c = CREATING_INIT(host, create);
	int r;

	r = creating_prepare(&c, true, err);
	if (r == 0)
		r = make(&c, true, err);
	if (r < 0)
		creating_undo(&c);
	return r;
}

/* 1.3.0: a failing poststart hook fails start, and the container is ended. */
static int poststart(const struct isolation_ops *ops, const struct stored *s,
		     const struct oci_spec *spec, struct error *err)
{
	struct hook_state state = { .oci_version = spec->oci_version,
				    .id = s->container.id,
				    .bundle = s->container.bundle,
				    .status = "running",
				    .pid = s->container.pid,
				    .annotations = &spec->annotations };
	_cleanup_close_ int bundle = open(s->container.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = hooks_run(spec, OCI_HOOK_POSTSTART, &state, bundle, err);

	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)ops->signal(s, SIGKILL, false, &ignored);
	}
	return r;
}

int compute_start(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	const struct isolation_ops *ops;
	enum compute_status status;
	int r;

	r = store_open(host, id, STORE_LOCK, &s, err);
	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status != STATUS_CREATED)
		return error_set(
			err, EINVAL,
			"cannot start a container in the %s state: container \"%s\" must be "
			"created for it",
			compute_status_name(status), id);
	ops = isolation_get(s.isolation);
	r = store_load_config(s.dir_fd, &spec, err);
	if (r == 0)
		r = ops->start(&s, &spec, err);
	if (r == 0)
		r = poststart(ops, &s, &spec, err);
	return r;
}

int creating_end(const struct compute_host *host, struct stored *s, const struct isolation_ops *ops,
		 const struct oci_spec *spec, struct error *err)
{
	int r = ops->destroy(s, spec, err);

	if (r < 0)
		return r;
	run_poststop(host, s, spec);
	return store_remove(host, s->container.id, s->dir_fd, err);
}

/* A VM that broke down looks like a killed container otherwise. */
static void tell_reason(const struct creating *c)
{
	_cleanup_free_ char *reason = store_reason(&c->s), *text = NULL;

	if (reason && *reason && c->host->warn &&
	    asprintf(&text, "container \"%s\": its VM ended: %s", c->create->id, reason) >= 0)
		c->host->warn(text, c->host->warn_data);
}

int creating_follow(struct creating *c, struct session *session, int *ret_status, struct error *err)
{
	_cleanup_close_ int master = -1;
	int r;

	r = console_receive(&c->console, &master, err);
	if (r == 0)
		r = session_run(session, c->s.container.pid, c->pidfd, master, ret_status, err);
	session_done(session);
	if (r == 0 && c->s.isolation == ISOLATION_HYPERV)
		tell_reason(c);
	return r;
}

static int start_and_follow(struct creating *c, struct session *session, int *ret_status,
			    struct error *err)
{
	int r = c->ops->init_start(&c->s, &c->spec, c->init, err);

	if (r == 0)
		r = poststart(c->ops, &c->s, &c->spec, err);
	/* The container runs: other commands may have it. */
	if (r == 0)
		store_unlock(&c->s);
	if (r == 0 && !c->create->detach)
		r = creating_follow(c, session, ret_status, err);
	return r;
}

int compute_run(const struct compute_host *host, const struct compute_create *create,
		int *ret_status, struct error *err)
{
	_cleanup_creating_ struct creating c = CREATING_INIT(host, create);
	_cleanup_session_ struct session session = SESSION_INIT;
	_cleanup_error_ struct error end_err = ERROR_INIT;
	int r, end_r;

	r = creating_prepare(&c, create->detach, err);
	if (r == 0 && !create->detach) {
		/* Orphans of the container come to us, and are reaped, instead of staying zombies.
		 */
		if (!create->no_subreaper)
			(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		session_size(c.spec.process);
		r = session_begin(&session, err);
	}
	if (r == 0)
		r = make(&c, false, err);
	if (r < 0) {
		creating_undo(&c);
		return r;
	}
	*ret_status = 0;
	r = start_and_follow(&c, &session, ret_status, err);
	if (r == 0 && (create->detach || create->keep))
		return 0;
	/* It ended, or was not started: nothing of it stays. */
	store_relock(&c.s);
	/* Checkpointed or deleted meanwhile: what has the id now is another one. */
	if (store_is_gone(&c.s))
		return r;
	end_r = creating_end(host, &c.s, c.ops, &c.spec, &end_err);
	if (r == 0 && end_r < 0)
		error_move(err, &end_err);
	return r < 0 ? r : end_r;
}

int compute_launch(const struct compute_host *host, const struct compute_create *create,
		   struct compute_launched *ret, struct error *err)
{
	_cleanup_creating_ struct creating c = CREATING_INIT(host, create);
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int terminal = -1;
	struct oci_process *process;
	int r;

	r = creating_prepare(&c, false, err);
	if (r == 0) {
		process = c.spec.process;
		if (process->terminal && create->rows > 0) {
			process->console_size.set = true;
			process->console_size.height = create->rows;
			process->console_size.width = create->columns;
		}
		r = make(&c, false, err);
	}
	if (r < 0) {
		creating_undo(&c);
		return r;
	}
	r = c.ops->init_start(&c.s, &c.spec, c.init, err);
	if (r == 0)
		r = poststart(c.ops, &c.s, &c.spec, err);
	if (r == 0)
		r = console_receive(&c.console, &terminal, err);
	if (r < 0) {
		(void)creating_end(host, &c.s, c.ops, &c.spec, &ignored);
		(void)pidfd_reap(c.pidfd);
		return r;
	}
	*ret = (struct compute_launched){ .pid = c.s.container.pid,
					  .pidfd = TAKE_FD(c.pidfd),
					  .terminal = TAKE_FD(terminal) };
	return 0;
}

/* What state.json said is lost; what the config says names the cgroup, where the processes are. */
static int delete_damaged(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1, .isolation = ISOLATION_PROCESS };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct cgroup_options options = {
		.manager = host->cgroup_manager, .id = id, .spec = &spec, .rootless = host->rootless
	};
	int r;

	r = store_make_anew(host, id, &s.dir_fd, err);
	if (r < 0)
		return r;
	s.container.id = strdup(id);
	s.container.cgroup_manager = host->cgroup_manager;
	if (!s.container.id)
		return error_oom(err);
	if (store_load_config(s.dir_fd, &spec, &ignored) == 0 &&
	    host->cgroup_manager != CGROUP_DISABLED) {
		options.path = spec.linux_ ? spec.linux_->cgroups_path : NULL;
		if (cgroup_plan(&options, NULL, &cg, &ignored) == 0) {
			s.container.cgroup_path = strdup(cgroup_path(cg));
			if (cgroup_scope(cg))
				s.container.cgroup_scope = strdup(cgroup_scope(cg));
		}
		r = container_destroy(&s.container, &spec, s.dir_fd, err);
	}
	return r < 0 ? r : store_remove(host, id, s.dir_fd, err);
}

int compute_delete(const struct compute_host *host, const char *id, bool force, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	const struct isolation_ops *ops;
	enum compute_status status;
	int r;

	if (force)
		store_break(host, id);
	r = store_open(host, id, STORE_LOCK, &s, err);
	if (r == -ENOENT && force) {
		error_done(err);
		return store_sweep(host, id, err);
	}
	if (r == -EPROTO && force) {
		error_done(err);
		return delete_damaged(host, id, err);
	}
	if (r < 0)
		return r;
	status = stored_status(&s);
	/* One that was never started has nothing to lose, as with runc. */
	if (!force && status != STATUS_STOPPED && status != STATUS_CREATED)
		return error_set(err, EBUSY,
				 "cannot delete container \"%s\": it is %s; stop it first, or use "
				 "delete --force",
				 id, compute_status_name(status));
	ops = isolation_get(s.isolation);
	r = store_load_config(s.dir_fd, &spec, err);
	if (r < 0 && !force)
		return r;
	/* Cleaning does not need the spec. */
	if (r < 0)
		error_done(err);
	return creating_end(host, &s, ops, &spec, err);
}
