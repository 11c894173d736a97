/* SPDX-License-Identifier: Apache-2.0 */
/* config-linux.md "Control groups"; also what `update` reads, so values are checked here. */
#include <string.h>

#include "oci/sections.h"
#include "oci/words.h"

static const struct property device_rule_properties[] = {
	{ P_BOOL(struct oci_device_rule, "allow", allow), P_REQUIRED },
	{ P_WORD(struct oci_device_rule, "type", type, oci_device_rule_types) },
	{ P_OPT_I64(struct oci_device_rule, "major", major, -1, UINT32_MAX) },
	{ P_OPT_I64(struct oci_device_rule, "minor", minor, -1, UINT32_MAX) },
	{ P_STRING(struct oci_device_rule, "access", access) },
};

static int check_device_rule(const struct json_at *at, struct arena *arena, void *ret,
			     struct error *err)
{
	const struct oci_device_rule *rule = ret;
	struct json_at access = json_member(at, "access");

	(void)arena;
	if (rule->access && rule->access[strspn(rule->access, "rwm")])
		return json_error(&access, err, "expected letters of \"rwm\"");
	return 0;
}
static const struct object_type device_rule_type =
	OBJECT_TYPE(device_rule_properties, struct oci_device_rule, check_device_rule);

#define P_BYTES(key, field) P_OPT_I64(struct oci_memory, key, field, -1, INT64_MAX)

static const struct property memory_properties[] = {
	{ P_BYTES("limit", limit) },
	{ P_BYTES("reservation", reservation) },
	{ P_BYTES("swap", swap) },
	{ P_BYTES("kernel", kernel) },
	{ P_BYTES("kernelTCP", kernel_tcp) },
	{ P_OPT_U64(struct oci_memory, "swappiness", swappiness, 100) },
	{ P_OPT_BOOL(struct oci_memory, "disableOOMKiller", disable_oom_killer) },
	{ P_OPT_BOOL(struct oci_memory, "useHierarchy", use_hierarchy) },
	{ P_OPT_BOOL(struct oci_memory, "checkBeforeUpdate", check_before_update) },
};
static const struct object_type memory_type =
	OBJECT_TYPE(memory_properties, struct oci_memory, NULL);

static const struct property cpu_properties[] = {
	{ P_OPT_U64(struct oci_cpu, "shares", shares, UINT64_MAX) },
	{ P_OPT_I64(struct oci_cpu, "quota", quota, INT64_MIN, INT64_MAX) },
	{ P_OPT_U64(struct oci_cpu, "burst", burst, UINT64_MAX) },
	{ P_OPT_U64(struct oci_cpu, "period", period, UINT64_MAX) },
	{ P_OPT_I64(struct oci_cpu, "realtimeRuntime", realtime_runtime, INT64_MIN, INT64_MAX) },
	{ P_OPT_U64(struct oci_cpu, "realtimePeriod", realtime_period, UINT64_MAX) },
	{ P_STRING(struct oci_cpu, "cpus", cpus) },
	{ P_STRING(struct oci_cpu, "mems", mems) },
	{ P_OPT_I64(struct oci_cpu, "idle", idle, INT64_MIN, INT64_MAX) },
};
static const struct object_type cpu_type = OBJECT_TYPE(cpu_properties, struct oci_cpu, NULL);

static const struct property pids_properties[] = {
	{ P_OPT_I64(struct oci_resources, "limit", pids_limit, INT64_MIN, INT64_MAX) },
};
static const struct object_type pids_type =
	OBJECT_TYPE(pids_properties, struct oci_resources, NULL);

static const struct property hugepage_properties[] = {
	{ P_STRING(struct oci_hugepage_limit, "pageSize", page_size), P_REQUIRED },
	{ P_U64(struct oci_hugepage_limit, "limit", limit), P_REQUIRED },
};

/* defs: ^[1-9][0-9]*[KMG]B$; it becomes part of a file name. */
static int check_hugepage(const struct json_at *at, struct arena *arena, void *ret,
			  struct error *err)
{
	const struct oci_hugepage_limit *limit = ret;
	struct json_at page_size = json_member(at, "pageSize");
	const char *unit = limit->page_size + strspn(limit->page_size, "0123456789");

	(void)arena;
	if (limit->page_size[0] < '1' || limit->page_size[0] > '9' || !*unit ||
	    !strchr("KMG", *unit) || strcmp(unit + 1, "B") != 0)
		return json_error(&page_size, err,
				  "expected a number and KB, MB or GB, such as \"2MB\"");
	return 0;
}
static const struct object_type hugepage_type =
	OBJECT_TYPE(hugepage_properties, struct oci_hugepage_limit, check_hugepage);

static const struct property if_priority_properties[] = {
	{ P_STRING(struct oci_if_priority, "name", name), P_REQUIRED },
	{ P_U32(struct oci_if_priority, "priority", priority, UINT32_MAX), P_REQUIRED },
};
static const struct object_type if_priority_type =
	OBJECT_TYPE(if_priority_properties, struct oci_if_priority, NULL);

static const struct property network_properties[] = {
	{ P_OPT_U64(struct oci_network, "classID", class_id, UINT32_MAX) },
	{ P_LIST(struct oci_network, "priorities", PROPERTY_OBJECTS, priorities, priorities_len),
	  .object = &if_priority_type },
};
static const struct object_type network_type =
	OBJECT_TYPE(network_properties, struct oci_network, NULL);

static const struct property rdma_properties[] = {
	{ P_OPT_U64(struct oci_rdma_limit, "hcaHandles", hca_handles, UINT32_MAX) },
	{ P_OPT_U64(struct oci_rdma_limit, "hcaObjects", hca_objects, UINT32_MAX) },
};

static int check_rdma(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	const struct oci_rdma_limit *limit = ret;

	(void)arena;
	if (!limit->hca_handles.set && !limit->hca_objects.set)
		return json_error(at, err, "hcaHandles or hcaObjects required");
	return 0;
}
static const struct object_type rdma_type =
	OBJECT_TYPE(rdma_properties, struct oci_rdma_limit, check_rdma);

/* Device names go into a line of rdma.max: no blank may end them there. */
static int read_rdma(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct oci_resources *resources = ret;
	struct oci_rdma_limit *item;
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(at, &len, err);

	if (r < 0)
		return r;
	item = resources->rdma.items = arena_array(arena, struct oci_rdma_limit, len);
	if (!item)
		return error_oom(err);
	for (; json_next_member(at, &iter, &member); item++) {
		if (!member.key[0] || strpbrk(member.key, " \t\n/"))
			return json_error(&member, err, "not the name of a device");
		item->device = arena_strdup(arena, member.key);
		if (!item->device)
			return error_oom(err);
		r = object_read(&member, &rdma_type, arena, item, err);
		if (r < 0)
			return r;
	}
	resources->rdma.len = len;
	return 0;
}

static int write_rdma(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct oci_resources *resources = from;
	json_t *object;

	if (!resources->rdma.items)
		return 0;
	object = json_object();
	for (size_t i = 0; i < resources->rdma.len; i++) {
		const struct oci_rdma_limit *item = &resources->rdma.items[i];
		struct json_at member = { .parent = at, .key = item->device };
		json_t *limits = object_write(&member, &rdma_type, item, err);

		if (!limits || json_object_set_new(object, item->device, limits) < 0) {
			json_decref(object);
			return limits ? error_oom(err) : -err->code;
		}
	}
	*ret = object;
	return object ? 0 : error_oom(err);
}

static const struct property resources_properties[] = {
	{ P_OBJECTS(struct oci_resources, "devices", devices, &device_rule_type) },
	{ P_OBJECT(struct oci_resources, "memory", memory, &memory_type) },
	{ P_OBJECT(struct oci_resources, "cpu", cpu, &cpu_type) },
	{ P_INLINE("pids", &pids_type) },
	{ P_OBJECT(struct oci_resources, "blockIO", block_io, &oci_block_io_type) },
	{ P_OBJECTS(struct oci_resources, "hugepageLimits", hugepage_limits, &hugepage_type) },
	{ P_OBJECT(struct oci_resources, "network", network, &network_type) },
	{ P_CUSTOM("rdma", read_rdma), .write = write_rdma, .object = &rdma_type },
	{ P_MAP(struct oci_resources, "unified", unified) },
};

/* Keys name files of the cgroup: any other name could reach another cgroup, or move processes. */
static int check_resources(const struct json_at *at, struct arena *arena, void *ret,
			   struct error *err)
{
	const struct oci_resources *resources = ret;
	struct json_at unified = json_member(at, "unified");

	(void)arena;
	for (size_t i = 0; i < resources->unified.len; i++) {
		const char *key = resources->unified.items[i].key;
		struct json_at member = json_member(&unified, key);

		if (key[0] == '.' || strchr(key, '/') || !strchr(key, '.'))
			return json_error(&member, err,
					  "not a cgroup v2 file, such as \"memory.high\"");
		if (strncmp(key, "cgroup.", strlen("cgroup.")) == 0)
			return json_error(&member, err,
					  "cgroup.* files are the runtime's, not a resource");
	}
	return 0;
}
const struct object_type oci_resources_type =
	OBJECT_TYPE(resources_properties, struct oci_resources, check_resources);
