/* SPDX-License-Identifier: Apache-2.0 */
/* config.md "Process" */
#include "oci/sections.h"
#include "oci/words.h"

static const struct property user_properties[] = {
	{ P_U32(struct oci_process, "uid", user.uid, UINT32_MAX) },
	{ P_U32(struct oci_process, "gid", user.gid, UINT32_MAX) },
	{ P_OPT_U64(struct oci_process, "umask", user.umask, 0777) },
	{ P_LIST(struct oci_process, "additionalGids", PROPERTY_U32S, user.additional_gids,
		 user.additional_gids_len),
	  .max = UINT32_MAX },
	{ P_STRING(struct oci_process, "username", user.username) },
};
static const struct object_type user_type = OBJECT_TYPE(user_properties, struct oci_process, NULL);

static int console_size_given(const struct json_at *at, struct arena *arena, void *ret,
			      struct error *err)
{
	struct oci_process *process = ret;

	(void)at;
	(void)arena;
	(void)err;
	process->console_size.set = true;
	return 0;
}

static const struct property console_size_properties[] = {
	{ P_U32(struct oci_process, "height", console_size.height, UINT32_MAX), P_REQUIRED },
	{ P_U32(struct oci_process, "width", console_size.width, UINT32_MAX), P_REQUIRED },
};

static bool has_console_size(const void *from)
{
	return ((const struct oci_process *)from)->console_size.set;
}
static const struct object_type console_size_type = {
	.properties = console_size_properties,
	.len = ARRAY_SIZE(console_size_properties),
	.size = sizeof(struct oci_process),
	.check = console_size_given,
	.given = has_console_size,
};

static const struct property capabilities_properties[] = {
	{ P_STRINGS(struct oci_capabilities, "bounding", bounding) },
	{ P_STRINGS(struct oci_capabilities, "effective", effective) },
	{ P_STRINGS(struct oci_capabilities, "inheritable", inheritable) },
	{ P_STRINGS(struct oci_capabilities, "permitted", permitted) },
	{ P_STRINGS(struct oci_capabilities, "ambient", ambient) },
};
static const struct object_type capabilities_type =
	OBJECT_TYPE(capabilities_properties, struct oci_capabilities, NULL);

static const struct property rlimit_properties[] = {
	{ P_WORD(struct oci_rlimit, "type", type, oci_rlimit_names), P_REQUIRED },
	{ P_U64(struct oci_rlimit, "hard", hard), P_REQUIRED },
	{ P_U64(struct oci_rlimit, "soft", soft), P_REQUIRED },
};
static const struct object_type rlimit_type =
	OBJECT_TYPE(rlimit_properties, struct oci_rlimit, NULL);

static const struct property scheduler_properties[] = {
	{ P_WORD(struct oci_scheduler, "policy", policy, oci_scheduler_policies), P_REQUIRED },
	{ P_WORDS(struct oci_scheduler, "flags", flags, oci_scheduler_flags) },
	{ P_I32(struct oci_scheduler, "nice", nice) },
	{ P_I32(struct oci_scheduler, "priority", priority) },
	{ P_U64(struct oci_scheduler, "runtime", runtime) },
	{ P_U64(struct oci_scheduler, "deadline", deadline) },
	{ P_U64(struct oci_scheduler, "period", period) },
};
static const struct object_type scheduler_type =
	OBJECT_TYPE(scheduler_properties, struct oci_scheduler, NULL);

static const struct property io_priority_properties[] = {
	{ P_WORD(struct oci_io_priority, "class", class, oci_io_priority_classes), P_REQUIRED },
	{ P_AT(struct oci_io_priority, "priority", PROPERTY_I64, priority), .min = INT32_MIN,
	  .max = INT32_MAX },
};
static const struct object_type io_priority_type =
	OBJECT_TYPE(io_priority_properties, struct oci_io_priority, NULL);

static const struct property cpu_affinity_properties[] = {
	{ P_STRING(struct oci_cpu_affinity, "initial", initial) },
	{ P_STRING(struct oci_cpu_affinity, "final", final) },
};
static const struct object_type cpu_affinity_type =
	OBJECT_TYPE(cpu_affinity_properties, struct oci_cpu_affinity, NULL);

static const struct property process_properties[] = {
	{ P_BOOL(struct oci_process, "terminal", terminal) },
	{ P_INLINE("consoleSize", &console_size_type) },
	{ P_INLINE("user", &user_type) },
	{ P_STRINGS(struct oci_process, "args", args) },
	{ P_STRINGS(struct oci_process, "env", env) },
	{ P_STRING(struct oci_process, "commandLine", command_line) },
	{ P_STRING(struct oci_process, "cwd", cwd), P_REQUIRED },
	{ P_OBJECT(struct oci_process, "capabilities", capabilities, &capabilities_type) },
	{ P_OBJECTS(struct oci_process, "rlimits", rlimits, &rlimit_type) },
	{ P_BOOL(struct oci_process, "noNewPrivileges", no_new_privileges) },
	{ P_STRING(struct oci_process, "apparmorProfile", apparmor_profile) },
	{ P_STRING(struct oci_process, "selinuxLabel", selinux_label) },
	{ P_OPT_I64(struct oci_process, "oomScoreAdj", oom_score_adj, INT64_MIN, INT64_MAX) },
	{ P_OBJECT(struct oci_process, "scheduler", scheduler, &scheduler_type) },
	{ P_OBJECT(struct oci_process, "ioPriority", io_priority, &io_priority_type) },
	{ P_OBJECT(struct oci_process, "execCPUAffinity", exec_cpu_affinity, &cpu_affinity_type) },
};
const struct object_type oci_process_type =
	OBJECT_TYPE(process_properties, struct oci_process, NULL);
