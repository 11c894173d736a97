/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/translate.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "container/namespaces.h"
#include "oci/parse.h"

/* Of the file systems that need nothing of the host's: the guest has its own. */
static const char *const guest_types[] = {
	"proc",     "sysfs",      "tmpfs",       "ramfs",    "devpts",  "mqueue",
	"cgroup",   "cgroup2",    "hugetlbfs",   "bpf",      "debugfs", "tracefs",
	"configfs", "securityfs", "binfmt_misc", "devtmpfs",
};

static int check_vm(const struct oci_vm *vm, struct error *err)
{
	const char *field = NULL;

	if (!vm)
		return 0;
	if (vm->hypervisor_parameters.len > 0)
		field = "hypervisor.parameters";
	else if (vm->image_path)
		field = "image";
	else if (vm->device_tree)
		field = "hwConfig.deviceTree";
	else if (vm->dtdevs.len > 0)
		field = "hwConfig.dtdevs";
	else if (vm->iomems_len > 0)
		field = "hwConfig.iomems";
	else if (vm->irqs_len > 0)
		field = "hwConfig.irqs";
	if (field)
		return error_set(err, ENOTSUP,
				 "vm.%s: the utility VM has no such thing: its monitor and its "
				 "devices are chosen by hcs",
				 field);
	return 0;
}

/* The VM that is joined has its kernel and its size. */
static int check_joined(const struct oci_spec *spec, const char *owner, struct error *err)
{
	const char *field = NULL;

	if (oci_annotation(spec, "io.hcs.kernel"))
		field = "annotations.io.hcs.kernel";
	else if (spec->vm)
		field = "vm";
	if (field)
		return error_set(err, EINVAL,
				 "%s: the container joins the VM of \"%s\", which is there already",
				 field, owner);
	return 0;
}

static int check_linux(const struct oci_linux *l, struct error *err)
{
	if (l->net_devices.len > 0)
		return error_set(err, ENOTSUP,
				 "linux.netDevices: an interface of the host cannot be moved into "
				 "a VM; give a network namespace by path that has it");
	if (l->intel_rdt)
		return error_set(err, ENOTSUP,
				 "linux.intelRdt: the guest's processes are not the host's to "
				 "assign");
	if (l->seccomp && l->seccomp->listener_path)
		return error_set(err, ENOTSUP,
				 "linux.seccomp.listenerPath: a descriptor cannot leave the VM");
	if (l->rootfs_propagation && strstr(l->rootfs_propagation, "shared"))
		return error_set(err, ENOTSUP,
				 "linux.rootfsPropagation: %s: mounts made in a VM cannot appear "
				 "on the host",
				 l->rootfs_propagation);
	return 0;
}

static int check_namespaces(const struct translation *t, struct error *err)
{
	static const enum oci_namespace_kind hosts[] = { OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_MOUNT,
							 OCI_NS_IPC, OCI_NS_UTS };
	const struct oci_linux *l = t->spec->linux_;

	/* Not a namespace of its own means the host's. In a VM's pod what is absent is shared. */
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		bool shared = t->owner && (hosts[i] == OCI_NS_NETWORK || hosts[i] == OCI_NS_IPC ||
					   hosts[i] == OCI_NS_UTS);

		if (!shared && (!l || !l->namespaces[hosts[i]].present))
			return error_set(err, ENOTSUP,
					 "linux.namespaces: no %s namespace: a VM cannot share the "
					 "host's",
					 namespace_file(hosts[i]));
	}
	for (int k = 0; k < OCI_NS_KINDS; k++) {
		const struct oci_namespace *ns = &l->namespaces[k];

		if (!ns->path || k == OCI_NS_NETWORK)
			continue;
		if (t->owner && (k == OCI_NS_IPC || k == OCI_NS_UTS || k == OCI_NS_PID))
			continue; /* the pod's */
		return error_set(err, ENOTSUP,
				 "linux.namespaces[%zu].path: %s: a %s namespace of the host "
				 "cannot be joined by a VM",
				 ns->index, ns->path, namespace_file((enum oci_namespace_kind)k));
	}
	return 0;
}

static int check_bind_source(const struct translation *t, const struct mount_step *step,
			     struct error *err)
{
	static const struct {
		long magic;
		const char *what;
	} kernels[] = {
		{ PROC_SUPER_MAGIC, "procfs" },   { SYSFS_MAGIC, "sysfs" },
		{ CGROUP_SUPER_MAGIC, "cgroup" }, { CGROUP2_SUPER_MAGIC, "cgroup2" },
		{ DEVPTS_SUPER_MAGIC, "devpts" },
	};
	_cleanup_free_ char *path = path_join(t->bundle, step->mount->source);
	struct statfs fs;
	struct stat st;

	if (!path)
		return error_oom(err);
	/* What is not there shows when the share is made. */
	if (stat(path, &st) < 0 || statfs(path, &fs) < 0)
		return 0;
	if (S_ISSOCK(st.st_mode))
		return error_set(err, ENOTSUP,
				 "source %s: a socket of the host cannot be reached from a VM",
				 path);
	if (S_ISFIFO(st.st_mode))
		return error_set(err, ENOTSUP,
				 "source %s: a FIFO of the host cannot be reached from a VM", path);
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		if (fs.f_type == kernels[i].magic)
			return error_set(err, ENOTSUP,
					 "source %s: the host's %s cannot be given to a VM", path,
					 kernels[i].what);
	return 0;
}

static int check_mount(const struct translation *t, const struct mount_step *step,
		       struct error *err)
{
	const struct mount_options *options = &step->options;

	for (size_t i = 0; i < options->propagations_len; i++)
		if (options->propagations[i].type == MS_SHARED)
			return error_set(err, ENOTSUP,
					 "options: shared: mounts made in a VM cannot appear on "
					 "the host");
	if (step->kind == MOUNT_KIND_BIND)
		return options->remount ? 0 : check_bind_source(t, step, err);
	if (options->remount)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(guest_types); i++)
		if (step->mount->type && strcmp(step->mount->type, guest_types[i]) == 0)
			return 0;
	return error_set(err, ENOTSUP,
			 "type %s: cannot be mounted in a VM; mount it on the host and bind it",
			 step->mount->type ? step->mount->type : "(none)");
}

static int check_shared_name(const char *key, const char *name, const char *owners,
			     struct error *err)
{
	if (!name || strcmp(name, owners ? owners : "") == 0)
		return 0;
	return error_set(err, EINVAL, "%s: %s: the containers of one VM share its %s, which is %s",
			 key, name, key, owners ? owners : "not set");
}

int translation_check(const struct translation *t, struct error *err)
{
	const struct oci_spec *spec = t->spec;
	int r;

	if (t->preserve_fds > 0 || t->listen_fds > 0)
		return error_set(err, ENOTSUP,
				 "--preserve-fds%s: descriptors cannot be passed into a VM",
				 t->listen_fds > 0 ? " (LISTEN_FDS)" : "");
	r = check_vm(spec->vm, err);
	if (r == 0 && t->owner)
		r = check_joined(spec, t->owner->container.id, err);
	if (r == 0 && spec->linux_)
		r = check_linux(spec->linux_, err);
	if (r == 0)
		r = check_namespaces(t, err);
	for (size_t i = 0; r == 0 && i < t->mounts->len; i++) {
		r = check_mount(t, &t->mounts->steps[i], err);
		if (r < 0)
			return error_wrap(err, r, "mounts[%zu] (%s)", i,
					  t->mounts->steps[i].target);
	}
	if (r == 0 && t->owner)
		r = check_shared_name("hostname", spec->hostname, t->owner_hostname, err);
	if (r == 0 && t->owner)
		r = check_shared_name("domainname", spec->domainname, t->owner_domainname, err);
	return r;
}
