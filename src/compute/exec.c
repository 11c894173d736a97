/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <string.h>

#include "base/pid.h"
#include "compute/console.h"
#include "compute/isolation.h"
#include "compute/pid_file.h"
#include "compute/session.h"
#include "compute/status.h"
#include "compute/store.h"
#include "oci/parse.h"
#include "oci/validate.h"

/* base followed by more (NULL-terminated). */
static int append(struct arena *arena, const struct strv *base, char *const *more, struct strv *ret)
{
	size_t n = 0;

	while (more && more[n])
		n++;
	ret->items = arena_array(arena, char *, base->len + n + 1);
	if (!ret->items)
		return -ENOMEM;
	if (base->len > 0)
		memcpy(ret->items, base->items, base->len * sizeof(char *));
	if (n > 0)
		memcpy(ret->items + base->len, more, n * sizeof(char *));
	ret->len = base->len + n;
	return 0;
}

/* An added variable takes the place of an older one of the same name. There are few added ones and may be
 * thousands of the others, which are not compared with each other. */
static int merge_env(struct arena *arena, const struct strv *base, char *const *more,
		     struct strv *ret)
{
	int r = append(arena, base, more, ret);
	size_t kept = 0;

	for (size_t i = 0; r == 0 && i < ret->len; i++) {
		size_t name = strcspn(ret->items[i], "=") + 1;
		bool later = false;

		for (size_t j = i < base->len ? base->len : i + 1; j < ret->len && !later; j++)
			later = strncmp(ret->items[i], ret->items[j], name) == 0;
		if (!later)
			ret->items[kept++] = ret->items[i];
	}
	if (r == 0) {
		ret->len = kept;
		ret->items[kept] = NULL;
	}
	return r;
}

/* Added capabilities go everywhere but into the inheritable set (CVE-2022-29162), and into the
 * ambient one only by the container's own word. */
static int add_caps(struct arena *arena, const struct compute_exec *exec, struct oci_process *p)
{
	struct oci_capabilities *caps;
	static const struct oci_capabilities none = { 0 };
	const struct oci_capabilities *base = p->capabilities ? p->capabilities : &none;

	if (!exec->caps || !exec->caps[0])
		return 0;
	caps = arena_new(arena, struct oci_capabilities);
	if (!caps)
		return -ENOMEM;
	*caps = *base;
	p->capabilities = caps;
	if (append(arena, &base->bounding, exec->caps, &caps->bounding) < 0 ||
	    append(arena, &base->effective, exec->caps, &caps->effective) < 0 ||
	    append(arena, &base->permitted, exec->caps, &caps->permitted) < 0)
		return -ENOMEM;
	return 0;
}

/* The container's own process, changed by what the command line says. */
static int compose(struct arena *arena, const struct compute_exec *exec,
		   const struct oci_process *base, struct oci_process *p)
{
	static const struct strv none = { 0 };

	*p = *base;
	p->terminal = exec->tty;
	p->console_size.set = false;
	if (append(arena, &none, exec->args, &p->args) < 0 ||
	    merge_env(arena, &base->env, exec->env, &p->env) < 0 || add_caps(arena, exec, p) < 0)
		return -ENOMEM;
	if (exec->cwd)
		p->cwd = arena_strdup(arena, exec->cwd);
	if (exec->has_user) {
		/* As runc: what is not said stays the container's. */
		p->user.uid = exec->uid;
		if (exec->has_gid)
			p->user.gid = exec->gid;
	}
	if (exec->additional_gids_len > 0) {
		size_t n = exec->gids_replace ? 0 : p->user.additional_gids_len;
		uint32_t *gids = arena_array(arena, uint32_t, n + exec->additional_gids_len);

		if (!gids)
			return -ENOMEM;
		if (n > 0)
			memcpy(gids, p->user.additional_gids, n * sizeof(*gids));
		memcpy(gids + n, exec->additional_gids, exec->additional_gids_len * sizeof(*gids));
		p->user.additional_gids = gids;
		p->user.additional_gids_len = n + exec->additional_gids_len;
	}
	if (exec->apparmor)
		p->apparmor_profile = arena_strdup(arena, exec->apparmor);
	if (exec->process_label)
		p->selinux_label = arena_strdup(arena, exec->process_label);
	p->no_new_privileges |= exec->no_new_privs;
	return p->cwd ? 0 : -ENOMEM;
}

static int check_status(const struct compute_exec *exec, const struct stored *s, struct error *err)
{
	switch (stored_status(s)) {
	case STATUS_STOPPED:
		return error_set(
			err, ESRCH,
			"cannot exec in a stopped container: container \"%s\" is not running",
			exec->id);
	case STATUS_PAUSED:
		if (exec->ignore_paused)
			return 0;
		return error_set(
			err, EBUSY,
			"cannot exec in a paused container: resume container \"%s\" first, or "
			"use --ignore-paused",
			exec->id);
	case STATUS_CREATING:
		return error_set(err, EBUSY, "cannot exec: container \"%s\" is still being created",
				 exec->id);
	default:
		return 0;
	}
}

static int run(const struct compute_host *host, const struct isolation_ops *ops,
	       const struct stored *s, const struct compute_exec *exec,
	       const struct oci_process *process, const struct oci_spec *spec, int cache_fd,
	       int *ret_status, struct error *err)
{
	_cleanup_session_ struct session session = SESSION_INIT;
	_cleanup_console_ struct console console = CONSOLE_INIT;
	_cleanup_close_ int pidfd = -1, master = -1;
	struct oci_process sized = *process;
	struct container_exec what = { .process = &sized,
				       .spec = spec,
				       .cgroup = exec->cgroup,
				       .seccomp_cache_fd = cache_fd,
				       .preserve_fds = exec->preserve_fds,
				       .warn = host->warn,
				       .warn_data = host->warn_data };
	pid_t pid;
	int r;

	r = console_open(&console, process->terminal, exec->detach, exec->console_socket, err);
	if (r == 0 && !exec->detach) {
		session_size(&sized);
		r = session_begin(&session, err);
	}
	if (r < 0)
		return r;
	what.console_sock = console.sock;
	r = ops->exec(s, &what, &pid, &pidfd, err);
	if (r < 0)
		return r;
	r = pid_file_write(exec->pid_file, pid, err);
	if (r < 0) {
		(void)pidfd_kill(pidfd, SIGKILL);
		(void)pidfd_reap(pidfd);
		return r;
	}
	*ret_status = 0;
	if (exec->detach)
		return 0;
	r = console_receive(&console, &master, err);
	if (r == 0)
		r = session_run(&session, pid, pidfd, master, ret_status, err);
	return r;
}

int compute_exec(const struct compute_host *host, const struct compute_exec *exec, int *ret_status,
		 struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_close_ int cache_fd = -1;
	const struct oci_process *process = exec->process;
	const struct isolation_ops *ops;
	struct oci_process composed;
	int r;

	r = store_open(host, exec->id, STORE_READ, &s, err);
	if (r == 0)
		r = check_status(exec, &s, err);
	if (r < 0)
		return r;
	ops = isolation_get(s.isolation);
	r = store_load_config(s.dir_fd, &spec, err);
	if (r < 0)
		return r;
	if (!process) {
		if (compose(&arena, exec, spec.process, &composed) < 0)
			return error_oom(err);
		process = &composed;
	}
	r = oci_process_validate(process, "process", err);
	if (r < 0)
		return r;
	if (spec.linux_ && spec.linux_->seccomp)
		cache_fd = store_seccomp_cache(host);
	return run(host, ops, &s, exec, process, &spec, cache_fd, ret_status, err);
}
