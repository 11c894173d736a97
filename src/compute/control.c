/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on a system that is there: signal, pause, resume, update, resize, what it runs and uses.
 */
#include <string.h>

#include "compute/hyperv/ps_snapshot.h"
#include "compute/isolation.h"
#include "compute/status.h"
#include "compute/store.h"

static int open_system(const struct compute_host *host, const char *id, enum store_lock lock,
		       struct stored *s, const struct isolation_ops **ret_ops, struct error *err)
{
	int r = store_open(host, id, lock, s, err);

	if (r < 0)
		return r;
	*ret_ops = isolation_get(s->isolation);
	return 0;
}

static int refuse(const struct stored *s, const char *command, const char *needed,
		  struct error *err)
{
	return error_set(err, EINVAL, "cannot %s container \"%s\": it is %s, not %s", command,
			 s->container.id, compute_status_name(stored_status(s)), needed);
}

int compute_signal(const struct compute_host *host, const char *id, int sig, bool all,
		   struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	if (r < 0)
		return r;
	if (s.container.pid == 0)
		return refuse(&s, "kill", "created", err);
	if (!all && stored_status(&s) == STATUS_STOPPED)
		return error_set(err, ESRCH, "container \"%s\" is stopped: container not running",
				 id);
	/* With --all also what a stopped container that shares its pid namespace has left running.
	 */
	return ops->signal(&s, sig, all, err);
}

int compute_pause(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	enum compute_status status;
	int r = open_system(host, id, STORE_LOCK, &s, &ops, err);

	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status != STATUS_RUNNING && status != STATUS_CREATED)
		return refuse(&s, "pause", "running", err);
	return ops->freeze(&s, true, err);
}

int compute_resume(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	int r = open_system(host, id, STORE_LOCK, &s, &ops, err);

	if (r < 0)
		return r;
	if (stored_status(&s) != STATUS_PAUSED)
		return refuse(&s, "resume", "paused", err);
	return ops->freeze(&s, false, err);
}

int compute_update(const struct compute_host *host, const char *id,
		   const struct oci_resources *resources, const char *l3_cache_schema,
		   const char *mem_bw_schema, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	struct oci_intel_rdt rdt = { .l3_cache_schema = (char *)(uintptr_t)l3_cache_schema,
				     .mem_bw_schema = (char *)(uintptr_t)mem_bw_schema };
	const struct isolation_ops *ops;
	enum compute_status status;
	int r = open_system(host, id, STORE_LOCK, &s, &ops, err);

	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return refuse(&s, "update", "running", err);
	return ops->update(&s, resources, l3_cache_schema || mem_bw_schema ? &rdt : NULL, err);
}

int compute_resize(const struct compute_host *host, const char *id, pid_t pid, uint16_t width,
		   uint16_t height, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_free_ pid_t *pids = NULL;
	const struct isolation_ops *ops;
	enum compute_status status;
	size_t len = 0;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return refuse(&s, "resize the terminal of", "running", err);
	if (pid == 0 || pid == s.container.pid)
		return ops->resize(&s, s.container.pid, width, height, err);
	/* Only processes of this container. */
	r = ops->pids(&s, &pids, &len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		if (pids[i] == pid)
			return ops->resize(&s, pid, width, height, err);
	return error_set(err, ESRCH, "process %d is not of container \"%s\"", (int)pid, id);
}

int compute_pids(const struct compute_host *host, const char *id, pid_t **ret, size_t *ret_len,
		 struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	if (r < 0)
		return r;
	if (s.container.pid == 0)
		return refuse(&s, "list the processes of", "created", err);
	if (stored_status(&s) == STATUS_STOPPED) {
		*ret = NULL;
		*ret_len = 0;
		return 0;
	}
	return ops->pids(&s, ret, ret_len, err);
}

int compute_ps(const struct compute_host *host, const char *id, const char *ps, char *const *args,
	       char **ret, size_t *ret_len, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	enum compute_status status;
	json_t *answer;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	if (r < 0)
		return r;
	if (!ops->processes)
		return error_set(err, EOPNOTSUPP, "container \"%s\": its processes are the host's",
				 id);
	status = stored_status(&s);
	if (status == STATUS_CREATING)
		return refuse(&s, "list the processes of", "created", err);
	/* One that has ended has none: the table is empty, as in the other isolation. */
	answer = status == STATUS_STOPPED ? json_pack("{s:[], s:{}}", "processes", "system")
					  : ops->processes(&s, err);
	if (!answer)
		return err->code ? -err->code : error_oom(err);
	r = ps_snapshot_run(answer, ps, args, ret, ret_len, err);
	json_decref(answer);
	return r;
}

int compute_stats(const struct compute_host *host, const char *id, struct cgroup_stats *ret,
		  struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	enum compute_status status;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	if (r < 0)
		return r;
	status = stored_status(&s);
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return refuse(&s, "read the statistics of", "running", err);
	return ops->stats(&s, ret, err);
}

int compute_vm_stats(const struct compute_host *host, const char *id, struct compute_vm_stats *ret,
		     struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	int r = open_system(host, id, STORE_READ, &s, &ops, err);

	*ret = (struct compute_vm_stats){ 0 };
	return r == 0 && ops->vm_stats ? ops->vm_stats(&s, ret, err) : r;
}
