/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/pod.h"

#include <string.h>

#include "compute/pod.h"
#include "compute/status.h"

static int check_owner(const struct stored *owner, const char *where, struct error *err)
{
	enum compute_status status;

	if (owner->isolation != ISOLATION_HYPERV)
		return error_set(err, EINVAL,
				 "%s: container \"%s\" has isolation process, and no VM to share",
				 where, owner->container.id);
	if (owner->vm.host)
		return error_set(
			err, EINVAL,
			"%s: container \"%s\" is itself in the VM of \"%s\": name that one", where,
			owner->container.id, owner->vm.host);
	status = stored_status(owner);
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return error_set(err, ESRCH, "%s: container \"%s\" is %s, its VM does not run",
				 where, owner->container.id, compute_status_name(status));
	return 0;
}

int pod_find(const struct isolation_create *create, struct pod *ret, struct error *err)
{
	const char *where, *id = pod_wanted(create->request, create->engine.spec, &where);
	int r;

	ret->owner.dir_fd = -1;
	if (!id)
		return 0;
	r = store_open(create->host, id, STORE_READ, &ret->owner, err);
	if (r < 0)
		return error_wrap(err, r, "%s", where);
	ret->joined = true;
	r = check_owner(&ret->owner, where, err);
	if (r < 0)
		return r;
	if (create->request->kernel)
		return error_set(err, EINVAL,
				 "--kernel: the container joins the VM of \"%s\", which has its "
				 "kernel",
				 id);
	return store_load_config(ret->owner.dir_fd, &ret->spec, err);
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

int pod_describe(const struct pod *pod, const struct vm_settings *settings, struct stored_vm *ret,
		 struct error *err)
{
	const struct stored_vm *owner = &pod->owner.vm;

	ret->monitor = copy(pod->joined ? owner->monitor : settings->monitor);
	ret->kernel = copy(pod->joined ? owner->kernel : settings->kernel);
	ret->accelerator =
		copy(pod->joined ? owner->accelerator : vm_accelerator_name(settings->accelerator));
	ret->memory = pod->joined ? owner->memory : settings->memory;
	ret->cpus = pod->joined ? owner->cpus : settings->cpus;
	if (pod->joined) {
		ret->host = copy(pod->owner.container.id);
		ret->pid = owner->pid;
		ret->pid_start = owner->pid_start;
	}
	return ret->monitor && ret->kernel && ret->accelerator ? 0 : error_oom(err);
}

void pod_done(struct pod *pod)
{
	if (!pod->joined)
		return;
	stored_done(&pod->owner);
	oci_spec_done(&pod->spec);
}
