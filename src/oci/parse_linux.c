/* SPDX-License-Identifier: Apache-2.0 */
/* config-linux.md */
#include <string.h>
#include <sys/stat.h>

#include "oci/sections.h"
#include "oci/words.h"

struct namespace_entry {
	char *type, *path;
};

static const struct property namespace_properties[] = {
	{ P_WORD(struct namespace_entry, "type", type, oci_namespace_names), P_REQUIRED },
	{ P_STRING(struct namespace_entry, "path", path) },
};
static const struct object_type namespace_type =
	OBJECT_TYPE(namespace_properties, struct namespace_entry, NULL);

static int read_namespaces(const struct json_at *at, struct arena *arena, void *ret,
			   struct error *err)
{
	struct oci_linux *linux_ = ret;
	size_t len;
	int r = json_get_array(at, JSON_ENTRIES_MAX, &len, err);

	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_at element = json_element(at, i), type;
		struct namespace_entry entry = { 0 };
		size_t kind = 0;

		r = object_read(&element, &namespace_type, arena, &entry, err);
		if (r < 0)
			return r;
		while (strcmp(oci_namespace_names[kind], entry.type) != 0)
			kind++;
		type = json_member(&element, "type");
		if (linux_->namespaces[kind].present)
			return json_error(&type, err, "duplicate namespace \"%s\"", entry.type);
		linux_->namespaces[kind] = (struct oci_namespace){ true, entry.path, i };
	}
	return r;
}

static const struct property device_properties[] = {
	{ P_STRING(struct oci_device, "path", path), P_REQUIRED },
	{ P_WORD(struct oci_device, "type", type, oci_device_types), P_REQUIRED },
	{ P_OPT_I64(struct oci_device, "major", major, INT64_MIN, INT64_MAX) },
	{ P_OPT_I64(struct oci_device, "minor", minor, INT64_MIN, INT64_MAX) },
	{ P_OPT_U64(struct oci_device, "fileMode", file_mode, S_IFMT | 07777) },
	{ P_OPT_U64(struct oci_device, "uid", uid, UINT32_MAX) },
	{ P_OPT_U64(struct oci_device, "gid", gid, UINT32_MAX) },
};

/* The schema allows permission bits only, but engines have long written st_mode as it is (8630 for
 * /dev/null): a type that agrees with the device's is taken and dropped. */
static int check_device(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct oci_device *device = ret;
	uint64_t format = device->file_mode.value & S_IFMT;
	uint64_t wanted = *device->type == 'b' ? S_IFBLK : *device->type == 'p' ? S_IFIFO : S_IFCHR;
	struct json_at mode = json_member(at, "fileMode");

	(void)arena;
	if (format && format != wanted)
		return json_error(&mode, err, "not the mode of a device of type \"%s\"",
				  device->type);
	device->file_mode.value &= ~(uint64_t)S_IFMT;
	if (device->file_mode.value > 0777)
		return json_error(&mode, err, "expected permission bits, from 0 to 511 (0777)");
	return 0;
}
static const struct object_type device_type =
	OBJECT_TYPE(device_properties, struct oci_device, check_device);

static const struct property net_device_properties[] = {
	{ P_STRING(struct oci_net_device, "name", name) },
};
static const struct object_type net_device_type =
	OBJECT_TYPE(net_device_properties, struct oci_net_device, NULL);

static int read_net_devices(const struct json_at *at, struct arena *arena, void *ret,
			    struct error *err)
{
	struct oci_linux *linux_ = ret;
	struct oci_net_device *item;
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(at, &len, err);

	if (r < 0)
		return r;
	item = linux_->net_devices.items = arena_array(arena, struct oci_net_device, len);
	if (!item)
		return error_oom(err);
	for (; json_next_member(at, &iter, &member); item++) {
		item->host_name = arena_strdup(arena, member.key);
		if (!item->host_name)
			return error_oom(err);
		r = object_read(&member, &net_device_type, arena, item, err);
		if (r < 0)
			return r;
	}
	linux_->net_devices.len = len;
	return 0;
}

static const struct property intel_rdt_properties[] = {
	{ P_STRING(struct oci_intel_rdt, "closID", clos_id) },
	{ P_STRINGS(struct oci_intel_rdt, "schemata", schemata) },
	{ P_STRING(struct oci_intel_rdt, "l3CacheSchema", l3_cache_schema) },
	{ P_STRING(struct oci_intel_rdt, "memBwSchema", mem_bw_schema) },
	{ P_BOOL(struct oci_intel_rdt, "enableMonitoring", enable_monitoring) },
	/* Of runtime-spec 1.1 and 1.2. */
	{ P_BOOL(struct oci_intel_rdt, "enableCMT", enable_cmt) },
	{ P_BOOL(struct oci_intel_rdt, "enableMBM", enable_mbm) },
};
static const struct object_type intel_rdt_type =
	OBJECT_TYPE(intel_rdt_properties, struct oci_intel_rdt, NULL);

static const struct property memory_policy_properties[] = {
	{ P_WORD(struct oci_memory_policy, "mode", mode, oci_memory_policy_modes), P_REQUIRED },
	{ P_STRING(struct oci_memory_policy, "nodes", nodes) },
	{ P_WORDS(struct oci_memory_policy, "flags", flags, oci_memory_policy_flags) },
};
static const struct object_type memory_policy_type =
	OBJECT_TYPE(memory_policy_properties, struct oci_memory_policy, NULL);

static const struct property personality_properties[] = {
	{ P_WORD(struct oci_personality, "domain", domain, oci_personality_domains), P_REQUIRED },
	{ P_STRINGS(struct oci_personality, "flags", flags) },
};
static const struct object_type personality_type =
	OBJECT_TYPE(personality_properties, struct oci_personality, NULL);

static const struct property time_offset_properties[] = {
	{ P_I64(struct oci_time_offset, "secs", secs) },
	{ P_U32(struct oci_time_offset, "nanosecs", nanosecs, 999999999) },
};
static const struct object_type time_offset_type =
	OBJECT_TYPE(time_offset_properties, struct oci_time_offset, NULL);

/* A map in the spec's words: a clock that is not known is an entry that cannot be honoured. */
static int read_time_offsets(const struct json_at *at, struct arena *arena, void *ret,
			     struct error *err)
{
	struct oci_linux *linux_ = ret;
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(at, &len, err);

	while (r == 0 && json_next_member(at, &iter, &member)) {
		struct oci_time_offset *offset;

		if (strcmp(member.key, "monotonic") == 0)
			offset = &linux_->time_offset_monotonic;
		else if (strcmp(member.key, "boottime") == 0)
			offset = &linux_->time_offset_boottime;
		else
			return json_error(&member, err,
					  "unknown clock, known are monotonic and boottime");
		offset->set = true;
		r = object_read(&member, &time_offset_type, arena, offset, err);
	}
	return r;
}

static const struct property linux_properties[] = {
	{ P_CUSTOM("namespaces", read_namespaces) },
	{ P_ID_MAPPINGS(struct oci_linux, "uidMappings", uid_mappings) },
	{ P_ID_MAPPINGS(struct oci_linux, "gidMappings", gid_mappings) },
	{ P_OBJECTS(struct oci_linux, "devices", devices, &device_type) },
	{ P_CUSTOM("netDevices", read_net_devices) },
	{ P_STRING(struct oci_linux, "cgroupsPath", cgroups_path) },
	{ P_OBJECT(struct oci_linux, "resources", resources, &oci_resources_type) },
	{ P_OBJECT(struct oci_linux, "intelRdt", intel_rdt, &intel_rdt_type) },
	{ P_OBJECT(struct oci_linux, "memoryPolicy", memory_policy, &memory_policy_type) },
	{ P_MAP(struct oci_linux, "sysctl", sysctl) },
	{ P_OBJECT(struct oci_linux, "seccomp", seccomp, &oci_seccomp_type) },
	{ P_WORD(struct oci_linux, "rootfsPropagation", rootfs_propagation,
		 oci_propagation_names) },
	{ P_STRINGS(struct oci_linux, "maskedPaths", masked_paths) },
	{ P_STRINGS(struct oci_linux, "readonlyPaths", readonly_paths) },
	{ P_STRING(struct oci_linux, "mountLabel", mount_label) },
	{ P_OBJECT(struct oci_linux, "personality", personality, &personality_type) },
	{ P_CUSTOM("timeOffsets", read_time_offsets) },
};
const struct object_type oci_linux_type = OBJECT_TYPE(linux_properties, struct oci_linux, NULL);
