/* SPDX-License-Identifier: Apache-2.0 */
/* docker's Config and HostConfig, one row a property. */
#include <string.h>

#include "base/json_tree.h"
#include "service/container_config_parts.h"

#define C struct container_config
#define PART_OF(key, name)                                                                         \
	{                                                                                          \
		P_CUSTOM(key, name##_read), .write = name##_write                                  \
	}

static const struct property config_properties[] = {
	{ P_STRING(C, "Hostname", hostname) },
	{ P_STRING(C, "Domainname", domainname) },
	{ P_STRING(C, "User", user) },
	{ P_BOOL(C, "AttachStdin", attach_stdin) },
	{ P_BOOL(C, "AttachStdout", attach_stdout) },
	{ P_BOOL(C, "AttachStderr", attach_stderr) },
	PART_OF("ExposedPorts", exposed_ports),
	{ P_BOOL(C, "Tty", tty) },
	{ P_BOOL(C, "OpenStdin", open_stdin) },
	{ P_BOOL(C, "StdinOnce", stdin_once) },
	{ P_STRINGS(C, "Env", env) },
	{ P_STRINGS(C, "Cmd", cmd) },
	{ P_STRING(C, "Image", image) },
	PART_OF("Volumes", image_volumes),
	{ P_STRING(C, "WorkingDir", working_dir) },
	{ P_STRINGS(C, "Entrypoint", entrypoint) },
	{ P_MAP(C, "Labels", labels) },
	{ P_STRING(C, "StopSignal", stop_signal) },
	{ P_OPT_I64(C, "StopTimeout", stop_timeout, -1, INT32_MAX) },
};
static const struct object_type config_type = OBJECT_TYPE(config_properties, C, NULL);

static const struct property device_properties[] = {
	{ P_STRING(struct container_device, "PathOnHost", host), P_REQUIRED },
	{ P_STRING(struct container_device, "PathInContainer", container), P_REQUIRED },
	{ P_STRING(struct container_device, "CgroupPermissions", permissions), P_REQUIRED },
};
static const struct object_type device_type =
	OBJECT_TYPE(device_properties, struct container_device, NULL);

static const struct property host_properties[] = {
	PART_OF("Binds", binds),
	PART_OF("LogConfig", log_config),
	{ P_STRING(C, "NetworkMode", network_mode) },
	PART_OF("PortBindings", port_bindings),
	PART_OF("RestartPolicy", restart_policy),
	{ P_BOOL(C, "AutoRemove", auto_remove) },
	{ P_STRINGS(C, "CapAdd", cap_add) },
	{ P_STRINGS(C, "CapDrop", cap_drop) },
	{ P_STRING(C, "CgroupnsMode", cgroupns_mode) },
	{ P_STRINGS(C, "Dns", dns) },
	{ P_STRINGS(C, "DnsOptions", dns_options) },
	{ P_STRINGS(C, "DnsSearch", dns_search) },
	{ P_STRINGS(C, "ExtraHosts", extra_hosts) },
	{ P_STRINGS(C, "GroupAdd", group_add) },
	{ P_STRING(C, "IpcMode", ipc_mode) },
	{ P_OPT_I64(C, "OomScoreAdj", oom_score_adj, -1000, 1000) },
	{ P_STRING(C, "PidMode", pid_mode) },
	{ P_BOOL(C, "Privileged", privileged) },
	{ P_BOOL(C, "PublishAllPorts", publish_all) },
	{ P_BOOL(C, "ReadonlyRootfs", readonly_rootfs) },
	{ P_STRINGS(C, "SecurityOpt", security_opt) },
	{ P_MAP(C, "StorageOpt", storage_opt) },
	PART_OF("Tmpfs", tmpfs),
	{ P_STRING(C, "UTSMode", uts_mode) },
	{ P_STRING(C, "UsernsMode", userns_mode) },
	{ P_U64(C, "ShmSize", shm_size) },
	{ P_MAP(C, "Sysctls", sysctls) },
	{ P_MAP(C, "Annotations", annotations) },
	PART_OF("Isolation", isolation),
	{ P_STRING(C, "Kernel", kernel) },
	{ P_I64(C, "CpuShares", cpu_shares) },
	{ P_I64(C, "Memory", memory) },
	{ P_I64(C, "NanoCpus", nano_cpus) },
	{ P_STRING(C, "CgroupParent", cgroup_parent) },
	{ P_U32(C, "BlkioWeight", blkio_weight, 1000) },
	{ P_I64(C, "CpuPeriod", cpu_period) },
	{ P_I64(C, "CpuQuota", cpu_quota) },
	{ P_STRING(C, "CpusetCpus", cpuset_cpus) },
	{ P_STRING(C, "CpusetMems", cpuset_mems) },
	{ P_LIST(C, "Devices", PROPERTY_OBJECTS, devices, devices_len), .object = &device_type },
	PART_OF("DeviceCgroupRules", device_rules),
	{ P_I64(C, "MemoryReservation", memory_reservation) },
	{ P_I64(C, "MemorySwap", memory_swap) },
	PART_OF("MemorySwappiness", swappiness),
	{ P_BOOL(C, "OomKillDisable", oom_kill_disable) },
	{ P_I64(C, "PidsLimit", pids_limit) },
	PART_OF("Ulimits", ulimits),
	PART_OF("Mounts", mounts),
	{ P_BOOL(C, "Init", init) },
	/* The text of a profile that seccomp=FILE named: the file may change or go. */
	{ P_STRING(C, "SeccompProfile", seccomp_profile) },
};
static const struct object_type host_type = OBJECT_TYPE(host_properties, C, NULL);

static const struct property networking_properties[] = {
	{ P_STRINGS(C, "Networks", networks) },
	{ P_STRINGS(C, "Aliases", network_aliases) },
	{ P_STRING(C, "MacAddress", mac_address) },
	{ P_STRING(C, "IPAddress", ip_address) },
};
static const struct object_type networking_type = OBJECT_TYPE(networking_properties, C, NULL);

static const struct {
	const char *key;
	const struct object_type *type;
} sections[] = {
	{ "Config", &config_type },
	{ "HostConfig", &host_type },
	{ "NetworkingConfig", &networking_type },
};

/* docker shows every key, whether something was said or not. */
static int show_absent(json_t *object, const struct object_type *type)
{
	for (size_t i = 0; i < type->len; i++) {
		const struct property *p = &type->properties[i];
		json_t *value;

		if (json_object_get(object, p->name))
			continue;
		switch (p->type) {
		case PROPERTY_STRING:
			value = json_string("");
			break;
		case PROPERTY_BOOL:
			value = json_false();
			break;
		case PROPERTY_I64:
		case PROPERTY_U32:
		case PROPERTY_U64:
			value = json_integer(0);
			break;
		case PROPERTY_MAP:
			value = json_object();
			break;
		default:
			value = json_null();
		}
		if (json_object_set_new(object, p->name, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static json_t *to_json(const struct container_config *config, struct error *err)
{
	json_t *root = json_object();

	for (size_t i = 0; root && i < ARRAY_SIZE(sections); i++) {
		struct json_at at = { .key = sections[i].key };
		json_t *section = object_write(&at, sections[i].type, config, err);

		if (!section || show_absent(section, sections[i].type) < 0 ||
		    json_object_set_new(root, sections[i].key, section) < 0) {
			json_decref(root);
			root = NULL;
		}
	}
	if (!root && !err->code)
		(void)error_oom(err);
	return root;
}

json_t *container_config_json(const struct container_config *config)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	return to_json(config, &ignored);
}

int container_config_check_text(const struct container_config *config, struct error *err)
{
	json_t *json = to_json(config, err);

	json_decref(json);
	return json ? 0 : -err->code;
}

int container_config_from_json(const json_t *json, struct container_config *ret, struct error *err)
{
	struct json_doc doc = { .root = (json_t *)json };
	struct json_at root = json_root(&doc, NULL);
	_cleanup_container_config_ struct container_config config = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		struct json_at at = json_member(&root, sections[i].key);
		int r;

		if (!at.value)
			return error_set(err, EINVAL, "%s: missing", sections[i].key);
		r = object_read(&at, sections[i].type, &config.arena, &config, err);
		if (r < 0)
			return r;
	}
	if (config.isolation == ISOLATION_DEFAULT)
		return error_set(err, EINVAL, "HostConfig.Isolation: missing");
	*ret = container_config_take(&config);
	return 0;
}
