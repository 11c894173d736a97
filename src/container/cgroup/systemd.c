/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cgroup/private.h"

bool systemd_is_user(const struct cgroup *cg)
{
	return cg->rootless;
}
int systemd_start(struct cgroup *cg, pid_t pid, const struct oci_resources *resources,
		  struct error *err)
{
	(void)cg;(void)pid;(void)resources;
	return error_set(err, ENOSYS, "systemd cgroup manager: not there");
}
int systemd_update(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	(void)cg;(void)resources;
	return error_set(err, ENOSYS, "systemd cgroup manager: not there");
}
int systemd_stop(struct cgroup *cg, struct error *err)
{
	(void)cg;
	return error_set(err, ENOSYS, "systemd cgroup manager: not there");
}
