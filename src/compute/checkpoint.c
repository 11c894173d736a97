/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint and restore, by criu: process isolation only. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/pid.h"
#include "compute/creating.h"
#include "compute/pid_file.h"
#include "compute/status.h"
#include "container/checkpoint.h"
#include "container/criu.h"
#include "oci/parse.h"

/* The engine's options, with what they hold open. */
struct opened {
	struct container_checkpoint options;
	char *program;
};

static void opened_done(struct opened *o)
{
	o->options.image_fd = close_fd(o->options.image_fd);
	o->options.work_fd = close_fd(o->options.work_fd);
	free(TAKE_PTR(o->program));
}

/* One directory, as runc makes it: where it is to be is the caller's decision. */
static int open_directory(const char *option, const char *path, mode_t make, struct error *err)
{
	int fd;

	if (make && mkdir(path, make) < 0 && errno != EEXIST)
		return error_sys(err, errno, "%s: make %s", option, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "%s %s", option, path) : fd;
}

static int parse_status_fd(const char *text, int *ret, struct error *err)
{
	char *end;
	long fd;
	int flags;

	*ret = -1;
	if (!text)
		return 0;
	errno = 0;
	fd = strtol(text, &end, 10);
	if (errno || *end || end == text || fd < 0 || fd > INT32_MAX)
		return error_set(err, EINVAL, "--status-fd: \"%s\" is not a descriptor", text);
	flags = fcntl((int)fd, F_GETFL);
	if (flags < 0)
		return error_sys(err, errno, "--status-fd %ld", fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return error_set(err, EINVAL, "--status-fd %ld: not open for writing", fd);
	*ret = (int)fd;
	return 0;
}

static int open_options(const char *command, const struct compute_checkpoint *given,
			const struct oci_spec *spec, bool dump, struct opened *ret,
			struct error *err)
{
	/* In a user namespace restored processes look for their images with its ids. What is in them
	 * (0600) is opened for them. */
	bool userns = spec->linux_ && spec->linux_->namespaces[OCI_NS_USER].present;
	struct container_checkpoint *o = &ret->options;
	const char *work = given->work_path;
	int r = criu_find(command, &ret->program, err);

	if (r < 0)
		return r;
	o->program = ret->program;
	o->parent_path = given->parent_path;
	o->leave_running = given->leave_running;
	o->tcp_established = given->tcp_established;
	o->ext_unix_sk = given->ext_unix_sk;
	o->shell_job = given->shell_job;
	o->file_locks = given->file_locks;
	o->pre_dump = given->pre_dump;
	o->auto_dedup = given->auto_dedup;
	o->lazy_pages = given->lazy_pages;
	o->manage_cgroups_mode = given->manage_cgroups_mode;
	o->page_server = given->page_server;
	o->lsm_profile = given->lsm_profile;
	o->lsm_mount_context = given->lsm_mount_context;
	r = parse_status_fd(given->status_fd, &o->status_fd, err);
	if (r < 0)
		return r;
	o->image_fd = open_directory("--image-path", given->image_path,
				     dump ? (userns ? 0711 : 0700) : 0, err);
	if (o->image_fd < 0)
		return o->image_fd;
	o->work_fd = work ? open_directory("--work-path", work, 0700, err)
			  : open_directory("--image-path", given->image_path, 0, err);
	if (o->work_fd < 0)
		return o->work_fd;
	if (o->parent_path && faccessat(o->image_fd, o->parent_path, F_OK, 0) < 0)
		return error_sys(err, errno, "--parent-path %s", o->parent_path);
	return 0;
}

#define OPENED_INIT                                                                                \
	{                                                                                          \
		.options = {.image_fd = -1, .work_fd = -1, .status_fd = -1 }                       \
	}

/* The processes are in the images and nowhere else: what is left of the container goes, as with
 * runc. The checkpoint is good all the same when that fails. */
static void end_dumped(const struct compute_host *host, struct stored *s,
		       const struct isolation_ops *ops, const struct oci_spec *spec)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (creating_end(host, s, ops, spec, &err) == 0 || !host->warn)
		return;
	(void)error_wrap(&err, 0, "container \"%s\" is checkpointed, but not all of it is removed",
			 s->container.id);
	host->warn(error_text(&err), host->warn_data);
}

int compute_checkpoint(const struct compute_host *host, const char *id,
		       const struct compute_checkpoint *given, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	_cleanup_(opened_done) struct opened opened = OPENED_INIT;
	const struct isolation_ops *ops;
	enum compute_status status;
	int r;

	r = store_open(host, id, STORE_LOCK, &s, err);
	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status != STATUS_RUNNING && status != STATUS_PAUSED)
		return error_set(err, EINVAL,
				 "cannot checkpoint container \"%s\": it is %s, not running", id,
				 compute_status_name(status));
	ops = isolation_get(s.isolation);
	if (ops != &process_isolation)
		return error_set(err, ENOTSUP, "checkpoint: not with isolation %s",
				 compute_isolation_name(s.isolation));
	r = store_load_config(s.dir_fd, &spec, err);
	if (r == 0)
		r = open_options("checkpoint", given, &spec, true, &opened, err);
	/* Pages that are fetched later may never be: delete --force must not wait for that. */
	if (r == 0 && given->lazy_pages)
		store_unlock(&s);
	if (r == 0)
		r = container_checkpoint(&s.container, &spec, &opened.options, err);
	if (given->lazy_pages)
		store_relock(&s);
	if (r < 0)
		return error_wrap(err, r, "checkpoint container \"%s\"", id);
	if (!given->leave_running && !given->pre_dump && !store_is_gone(&s))
		end_dumped(host, &s, ops, &spec);
	return 0;
}

/* The pid file goes with the state: who waits for it may use it. */
static int record(const struct container *container, void *data, struct error *err)
{
	struct creating *c = data;
	int r = creating_record(container, data, err);

	if (r == 0 && container->pid != 0)
		r = pid_file_write(c->create->pid_file, container->pid, err);
	return r;
}

static int restore(struct creating *c, const struct opened *opened, struct error *err)
{
	const struct container_create create = {
		.spec = &c->spec,
		.id = c->create->id,
		.bundle = c->bundle,
		.state_fd = c->s.dir_fd,
		.seccomp_cache_fd = -1,
		.cgroup_manager = c->host->cgroup_manager,
		.rootless = c->host->rootless,
		.console_sock = c->console.sock,
		.record = record,
		.data = c,
	};

	return container_restore(&create, &opened->options, &c->s.container, &c->pidfd, err);
}

/* create->no_pivot means nothing here: criu tries pivot_root and what else there is by itself. */
int compute_restore(const struct compute_host *host, const struct compute_create *create,
		    const struct compute_checkpoint *given, int *ret_status, struct error *err)
{
	_cleanup_creating_ struct creating c = CREATING_INIT(host, create);
	_cleanup_(opened_done) struct opened opened = OPENED_INIT;
	_cleanup_session_ struct session session = SESSION_INIT;
	_cleanup_error_ struct error end_err = ERROR_INIT;
	int r, end_r;

	r = creating_prepare(&c, create->detach, err);
	if (r == 0 && c.ops != &process_isolation)
		r = error_set(err, ENOTSUP, "restore: not with isolation %s",
			      compute_isolation_name(c.s.isolation));
	if (r == 0)
		r = open_options("restore", given, &c.spec, false, &opened, err);
	if (r == 0 && !create->detach) {
		if (!create->no_subreaper)
			(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		r = session_begin(&session, err);
	}
	if (r == 0)
		r = restore(&c, &opened, err);
	if (r < 0) {
		creating_undo(&c);
		return error_wrap(err, r, "restore container \"%s\"", create->id);
	}
	*ret_status = 0;
	if (create->detach)
		return 0;
	store_unlock(&c.s);
	r = creating_follow(&c, &session, ret_status, err);
	if (r == 0 && create->keep)
		return 0;
	store_relock(&c.s);
	if (store_is_gone(&c.s))
		return r;
	end_r = creating_end(host, &c.s, c.ops, &c.spec, &end_err);
	if (r == 0 && end_r < 0)
		error_move(err, &end_err);
	return r < 0 ? r : end_r;
}
