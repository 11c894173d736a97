/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/translate.h"

#include <string.h>

#include "base/json_tree.h"
#include "wire/message.h"

/* Mappings and recursion of ids are the host's to do: the share's daemon shows the mapped ids. */
static const char *const host_options[] = { "idmap", "ridmap" };

static json_t *printf_json(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static json_t *printf_json(const char *fmt, ...)
{
	va_list ap;
	json_t *text;

	va_start(ap, fmt);
	text = json_vsprintf(fmt, ap);
	va_end(ap);
	return text;
}

static void set_text(json_t *object, const char *key, json_t *text)
{
	(void)json_object_set_new(object, key, text);
}

/* Only the hooks that run in the container's world. */
static void keep_guest_hooks(json_t *config)
{
	json_t *hooks = json_object_get(config, "hooks");
	static const char *const hosts[] = { "prestart", "createRuntime", "poststart", "poststop" };

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		(void)json_object_del(hooks, hosts[i]);
}

static void translate_root(const struct translation *t, json_t *config)
{
	json_t *root = json_object_get(config, "root");

	if (!json_is_object(root)) {
		root = json_object();
		(void)json_object_set_new(config, "root", root);
	}
	set_text(root, "path",
		 t->has_disks ? printf_json(GUEST_SCRATCH "/%s", t->id)
			      : printf_json(GUEST_SHARE "/%s/rootfs", t->id));
	(void)json_object_del(config, "windows");
	(void)json_object_del(config, "vm");
}

static void drop_host_options(json_t *mount)
{
	json_t *options = json_object_get(mount, "options");

	for (size_t i = json_array_size(options); i > 0; i--) {
		const char *option = json_string_value(json_array_get(options, i - 1));

		for (size_t k = 0; option && k < ARRAY_SIZE(host_options); k++)
			if (strcmp(option, host_options[k]) == 0) {
				(void)json_array_remove(options, i - 1);
				break;
			}
	}
	(void)json_object_del(mount, "uidMappings");
	(void)json_object_del(mount, "gidMappings");
}

static void translate_mounts(const struct translation *t, json_t *config)
{
	json_t *mounts = json_object_get(config, "mounts");

	for (size_t i = 0; i < t->mounts->len; i++) {
		const struct mount_step *step = &t->mounts->steps[i];
		json_t *mount = json_array_get(mounts, step->index);

		if (step->kind != MOUNT_KIND_BIND || step->options.remount)
			continue;
		set_text(mount, "source", printf_json(GUEST_SHARE "/%s/mounts/%zu", t->id, i));
		drop_host_options(mount);
	}
}

/* "network" → where the agent keeps the VM's; ipc, uts and pid of a pod likewise. */
static void translate_namespace(const struct translation *t, bool has_network, json_t *ns)
{
	const char *type = json_string_value(json_object_get(ns, "type"));
	const char *path = json_string_value(json_object_get(ns, "path"));
	bool userns = t->spec->linux_->namespaces[OCI_NS_USER].present;

	if (!type)
		return;
	(void)json_object_del(ns, "path");
	if (strcmp(type, "network") == 0) {
		/* One that is its user namespace's own can be configured from inside it. */
		if (t->owner)
			set_text(ns, "path", json_string(GUEST_POD "/net"));
		else if (has_network || !userns)
			set_text(ns, "path", json_string(GUEST_NETNS));
	} else if (t->owner && (strcmp(type, "ipc") == 0 || strcmp(type, "uts") == 0)) {
		set_text(ns, "path", printf_json(GUEST_POD "/%s", type));
	} else if (t->owner && strcmp(type, "pid") == 0 && path && *path) {
		set_text(ns, "path", json_string(GUEST_POD "/pid"));
	}
}

static void add_namespace(json_t *namespaces, const char *type, const char *path)
{
	(void)json_array_append_new(namespaces,
				    json_pack("{s:s, s:s}", "type", type, "path", path));
}

static void translate_namespaces(const struct translation *t, bool has_network, json_t *config)
{
	const struct oci_namespace *have = t->spec->linux_->namespaces;
	json_t *linux_ = json_object_get(config, "linux"), *ns;
	json_t *namespaces = json_object_get(linux_, "namespaces");
	size_t i;

	json_array_foreach(namespaces, i, ns) translate_namespace(t, has_network, ns);
	if (!t->owner)
		return;
	if (!have[OCI_NS_NETWORK].present)
		add_namespace(namespaces, "network", GUEST_POD "/net");
	if (!have[OCI_NS_IPC].present)
		add_namespace(namespaces, "ipc", GUEST_POD "/ipc");
	if (!have[OCI_NS_UTS].present)
		add_namespace(namespaces, "uts", GUEST_POD "/uts");
	/* The owner's, checked to be the same. */
	(void)json_object_del(config, "hostname");
	(void)json_object_del(config, "domainname");
}

/* CPUs and block devices by number are the host's: its cgroup of the VM has those limits. */
static void translate_resources(const struct translation *t, json_t *linux_)
{
	json_t *resources = json_object_get(linux_, "resources");
	json_t *cpu = json_object_get(resources, "cpu");
	const struct oci_resources *r = t->spec->linux_->resources;

	/* The cgroup of one that joins has not got the VM in it. */
	if (t->owner && t->warn && r && (r->block_io || (r->cpu && (r->cpu->cpus || r->cpu->mems))))
		t->warn("linux.resources.cpu.cpus, cpu.mems, blockIO: left out for a container "
			"that joins a VM: they are limits of the VM, which its owner has",
			t->warn_data);
	(void)json_object_del(resources, "blockIO");
	(void)json_object_del(cpu, "cpus");
	(void)json_object_del(cpu, "mems");
}

/* The guest's kernel has no security module whose policy would know these names; what they keep a
 * container from is the host, which is behind another wall here. */
static void drop_labels(const struct translation *t, json_t *config)
{
	json_t *process = json_object_get(config, "process");
	const struct oci_process *p = t->spec->process;
	const struct oci_linux *l = t->spec->linux_;

	if (t->warn && p &&
	    ((p->apparmor_profile && *p->apparmor_profile) ||
	     (p->selinux_label && *p->selinux_label) || (l && l->mount_label && *l->mount_label)))
		t->warn("process.apparmorProfile, process.selinuxLabel, linux.mountLabel: left out "
			"in a VM, whose kernel has no such policy",
			t->warn_data);
	(void)json_object_del(process, "apparmorProfile");
	(void)json_object_del(process, "selinuxLabel");
	(void)json_object_del(json_object_get(config, "linux"), "mountLabel");
}

int translation_make(const struct translation *t, bool has_network, json_t **ret, struct error *err)
{
	json_t *config, *linux_;
	int r = json_tree_parse(t->text, t->len, &config, err);

	if (r < 0)
		return error_wrap(err, r, "config.json");
	linux_ = json_object_get(config, "linux");
	keep_guest_hooks(config);
	translate_root(t, config);
	translate_mounts(t, config);
	translate_namespaces(t, has_network, config);
	translate_resources(t, linux_);
	drop_labels(t, config);
	set_text(linux_, "cgroupsPath", printf_json("/hcs/%s", t->id));
	*ret = config;
	return 0;
}
