/* SPDX-License-Identifier: Apache-2.0 */
#include "container/checkpoint.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/checkpoint_mounts.h"
#include "container/checkpoint_opts.h"
#include "container/checkpoint_stdio.h"
#include "container/namespaces.h"

/* What criu would bring back as something else, or not at all. */
static int refuse_what_changes(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = spec->linux_;

	if (l && l->namespaces[OCI_NS_CGROUP].path)
		return error_set(
			err, ENOTSUP,
			"linux.namespaces: criu cannot join the cgroup namespace %s at restore",
			l->namespaces[OCI_NS_CGROUP].path);
	return 0;
}

/* A namespace given by path outlives the container: not dumped, but named. */
static int put_namespaces(const struct oci_linux *l, struct criu_message *opts, struct error *err)
{
	for (int k = 0; l && k < OCI_NS_KINDS; k++) {
		const char *path = l->namespaces[k].path;
		const char *key = checkpoint_namespace_key((enum oci_namespace_kind)k);
		char external[64];
		struct stat st;

		if (!path || !key)
			continue;
		if (stat(path, &st) < 0)
			return error_sys(err, errno, "namespace %s", path);
		(void)snprintf(external, sizeof(external), "%s[%" PRIu64 "]:%s",
			       namespace_file((enum oci_namespace_kind)k), (uint64_t)st.st_ino,
			       key);
		criu_put_text(opts, OPT_EXTERNAL, external);
	}
	return 0;
}

static int put_dump(const struct container *c, const struct oci_spec *spec,
		    const struct container_checkpoint *o, struct criu_message *opts,
		    struct error *err)
{
	_cleanup_mount_table_ struct mount_table mounts = { 0 };
	int r = checkpoint_opts(spec, o, CHECKPOINT_DUMP_LOG, opts, err);

	if (r == 0)
		r = put_namespaces(spec->linux_, opts, err);
	if (r < 0)
		return r;
	criu_put_number(opts, OPT_PID, c->pid);
	criu_put_text(opts, OPT_ROOT, *c->rootfs ? c->rootfs : NULL);
	criu_put_number(opts, OPT_LEAVE_RUNNING, o->leave_running);
	/* Else criu stops the processes one by one by ptrace, and races with those that fork. */
	criu_put_text(opts, OPT_FREEZE_CGROUP, c->cgroup_freezer);
	if (o->parent_path) {
		criu_put_text(opts, OPT_PARENT_IMG, o->parent_path);
		criu_put_number(opts, OPT_TRACK_MEM, 1);
	}
	/* Memory only. */
	if (o->pre_dump)
		return 0;
	r = mount_table_read(c->pid, &mounts, err);
	if (r == 0)
		r = checkpoint_mounts_dump(c, spec, &mounts, o->image_fd, opts, err);
	if (r == 0)
		r = checkpoint_stdio_dump(c->pid, &mounts, o->image_fd, opts, err);
	return r;
}

static int notify(const char *script, pid_t pid, int fd, void *data, struct error *err)
{
	const struct container_checkpoint *o = data;

	(void)pid;
	(void)fd;
	if (strcmp(script, "status-ready") != 0 || o->status_fd < 0)
		return 0;
	return write(o->status_fd, "", 1) == 1 ? 0 : error_sys(err, errno, "--status-fd");
}

int container_checkpoint(const struct container *c, const struct oci_spec *spec,
			 const struct container_checkpoint *o, struct error *err)
{
	_cleanup_criu_message_ struct criu_message opts = { 0 };
	_cleanup_criu_ struct criu criu = CRIU_INIT;
	const int fds[] = { o->image_fd, o->work_fd };
	const struct criu_launch launch = { .program = o->program, .fds = fds, .fds_len = 2 };
	struct criu_exchange x = { .type = o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP,
				   .opts = &opts,
				   .notify = notify,
				   .data = (void *)(uintptr_t)o };
	int r = refuse_what_changes(spec, err);

	if (r == 0)
		r = put_dump(c, spec, o, &opts, err);
	if (r == 0)
		r = criu_launch(&launch, &criu, err);
	if (r < 0)
		return r;
	/* An old log is not this dump's. */
	(void)unlinkat(o->work_fd, CHECKPOINT_DUMP_LOG, 0);
	r = criu_request(&criu, &x, err);
	if (r == -EREMOTEIO)
		criu_explain(o->work_fd, CHECKPOINT_DUMP_LOG, err);
	return r;
}
