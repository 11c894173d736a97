/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the OCI configuration together from its parts, and writes it. */
#include "service/bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "service/bundle_parts.h"

#define OCI_VERSION "1.3.0"

int bundle_put(json_t *object, const char *key, json_t *value, struct error *err)
{
	return json_object_set_new(object, key, value) < 0 ? error_oom(err) : 0;
}

int bundle_put_text(json_t *object, const char *key, const char *text, struct error *err)
{
	return text ? bundle_put(object, key, json_string(text), err) : 0;
}

int bundle_append(json_t *array, json_t *value, struct error *err)
{
	return json_array_append_new(array, value) < 0 ? error_oom(err) : 0;
}

json_t *bundle_strings(char *const *items, size_t len)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < len; i++)
		if (json_array_append_new(array, json_string(items[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

bool bundle_security_option(const struct container_config *config, const char *name,
			    const char *value, const char **ret_value)
{
	const size_t len = strlen(name);
	bool found = false;

	/* The last of several counts. */
	for (size_t i = 0; i < config->security_opt.len; i++) {
		const char *text = config->security_opt.items[i], *given;

		if (strncmp(text, name, len) != 0 || (text[len] && !strchr("=:", text[len])))
			continue;
		given = text[len] ? text + len + 1 : "true";
		found = !value || strcmp(given, value) == 0;
		if (ret_value)
			*ret_value = given;
	}
	return found;
}

/* The parts that the sections go into; spec owns the rest. */
static int begin(struct bundle *bundle, struct error *err)
{
	bundle->spec = json_pack("{s:s,s:{},s:[],s:{s:[],s:{s:[]}},s:{}}", "ociVersion",
				 OCI_VERSION, "process", "mounts", "linux", "devices", "resources",
				 "devices", "annotations");
	if (!bundle->spec)
		return error_oom(err);
	bundle->process = json_object_get(bundle->spec, "process");
	bundle->mounts = json_object_get(bundle->spec, "mounts");
	bundle->linux_ = json_object_get(bundle->spec, "linux");
	bundle->devices = json_object_get(bundle->linux_, "devices");
	bundle->device_rules =
		json_object_get(json_object_get(bundle->linux_, "resources"), "devices");
	return 0;
}

static int put_names(struct bundle *bundle, struct error *err)
{
	const struct container_config *config = bundle->config;
	/* docker's: the beginning of the id. */
	const char *name = config->hostname;
	char *usual = NULL;
	int r;

	/* In a VM that is joined the names are shared. */
	if (mode_is(config->uts_mode, "host") || (bundle->hyperv && bundle->network_peer.id))
		return 0;
	if (!name && bundle->network_peer.id)
		name = bundle->network_peer.hostname;
	if (!name && mode_is(config->network_mode, "host")) {
		char host[HOST_NAME_MAX + 1];

		if (gethostname(host, sizeof(host)) < 0)
			return error_sys(err, errno, "gethostname");
		host[HOST_NAME_MAX] = '\0';
		name = usual = arena_strdup(&bundle->arena, host);
	} else if (!name) {
		name = usual = arena_strndup(&bundle->arena, bundle->record->id, 12);
	}
	if (!name)
		return error_oom(err);
	r = bundle_put_text(bundle->spec, "hostname", name, err);
	return r < 0 ? r : bundle_put_text(bundle->spec, "domainname", config->domainname, err);
}

static int put_annotations(struct bundle *bundle, struct error *err)
{
	json_t *annotations = json_object_get(bundle->spec, "annotations");
	const struct container_config *config = bundle->config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->annotations.len; i++)
		r = bundle_put_text(annotations, config->annotations.items[i].key,
				    config->annotations.items[i].value, err);
	if (r == 0)
		r = bundle_put_text(annotations, "io.hcs.isolation",
				    compute_isolation_name(config->isolation), err);
	if (r == 0 && bundle->hyperv)
		r = bundle_put_text(annotations, "io.hcs.kernel", config->kernel, err);
	if (r == 0 && bundle->hyperv && bundle->network_peer.id)
		r = bundle_put_text(annotations, "io.hcs.host", bundle->network_peer.id, err);
	return r;
}

static int put_sysctls(struct bundle *bundle, struct error *err)
{
	/* docker's: a container's own network lets everyone listen below 1024, and ping. */
	static const struct {
		const char *key, *value, *file;
	} usual[] = {
		{ "net.ipv4.ip_unprivileged_port_start", "0",
		  "/proc/sys/net/ipv4/ip_unprivileged_port_start" },
		{ "net.ipv4.ping_group_range", "0 2147483647",
		  "/proc/sys/net/ipv4/ping_group_range" },
	};
	const struct container_config *config = bundle->config;
	const bool own =
		!mode_is(config->network_mode, "host") && !mode_container(config->network_mode);
	json_t *sysctls = json_object();
	int r = bundle_put(bundle->linux_, "sysctl", sysctls, err);

	for (size_t i = 0; r == 0 && own && i < ARRAY_SIZE(usual); i++)
		if (bundle->hyperv || access(usual[i].file, F_OK) == 0)
			r = bundle_put_text(sysctls, usual[i].key, usual[i].value, err);
	for (size_t i = 0; r == 0 && i < config->sysctls.len; i++)
		r = bundle_put_text(sysctls, config->sysctls.items[i].key,
				    config->sysctls.items[i].value, err);
	return r;
}

static int put_paths(struct bundle *bundle, struct error *err)
{
	static const char *const masked[] = {
		"/proc/acpi",
		"/proc/asound",
		"/proc/interrupts",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/sys/devices/virtual/powercap",
		"/sys/firmware",
	};
	static const char *const readonly[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
	};
	int r;

	if (bundle->config->privileged ||
	    bundle_security_option(bundle->config, "systempaths", "unconfined", NULL))
		return 0;
	r = bundle_put(bundle->linux_, "maskedPaths",
		       bundle_strings((char *const *)masked, ARRAY_SIZE(masked)), err);
	return r < 0 ? r
		     : bundle_put(bundle->linux_, "readonlyPaths",
				  bundle_strings((char *const *)readonly, ARRAY_SIZE(readonly)),
				  err);
}

static int put_root(struct bundle *bundle, struct error *err)
{
	char *const *layers = bundle->hyperv && bundle->disks ? bundle->disks : bundle->layers;
	const size_t len = bundle->hyperv && bundle->disks ? bundle->disks_len : bundle->layers_len;
	json_t *folders = bundle_strings(layers, len), *windows;
	char *scratch = arena_printf(&bundle->arena, "%s/%s", bundle->record->path,
				     bundle->disks ? "scratch.ext4" : "scratch");
	int r;

	if (!folders || !scratch || json_array_append_new(folders, json_string(scratch)) < 0) {
		json_decref(folders);
		return error_oom(err);
	}
	windows = json_pack("{s:o}", "layerFolders", folders);
	r = bundle_put(bundle->spec, "windows", windows, err);
	if (r == 0 && bundle->config->readonly_rootfs)
		r = bundle_put(bundle->spec, "root",
			       json_pack("{s:s,s:b}", "path", "rootfs", "readonly", true), err);
	return r;
}

static int make(struct bundle *bundle, struct error *err)
{
	static int (*const parts[])(struct bundle *, struct error *) = {
		begin,
		bundle_peers,
		bundle_layers,
		put_root,
		put_names,
		bundle_capabilities,
		bundle_process,
		bundle_mounts,
		bundle_volumes,
		bundle_files,
		bundle_namespaces,
		bundle_devices,
		bundle_resources,
		bundle_seccomp,
		put_annotations,
		put_sysctls,
		put_paths,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](bundle, err);
	return r;
}

static int store(const struct bundle *bundle, struct error *err)
{
	_cleanup_free_ char *text = json_tree_text(bundle->spec);
	_cleanup_close_ int dir = -1;
	int r;

	if (!text)
		return error_oom(err);
	if (mkdirat(bundle->record->dir_fd, "bundle", 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make the bundle's directory");
	dir = openat(bundle->record->dir_fd, "bundle",
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "open the bundle's directory");
	r = file_replace(dir, "config.json", text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write the bundle's config.json") : 0;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

int bundle_write(const struct service *service, struct image_store *images,
		 const struct image *image, const struct record *record, struct error *err)
{
	struct bundle bundle = {
		.service = service,
		.image = image,
		.record = record,
		.config = &record->config,
		.hyperv = record->config.isolation == ISOLATION_HYPERV,
	};
	int r = image_store_folders(images, image, &bundle.layers, &bundle.layers_len, err);

	/* A joiner's root comes over the share: a VM takes no disks once it runs. */
	if (r == 0 && bundle.hyperv && !container_config_vm_host(bundle.config))
		r = image_store_erofs(images, image, &bundle.disks, &bundle.disks_len, err);
	if (r == 0)
		r = make(&bundle, err);
	if (r == 0)
		r = store(&bundle, err);
	json_decref(bundle.spec);
	free_list(bundle.layers);
	free_list(bundle.disks);
	arena_done(&bundle.arena);
	return r;
}
