/* SPDX-License-Identifier: Apache-2.0 */
/* config-linux.md "Seccomp" */
#include <string.h>

#include "oci/sections.h"
#include "oci/words.h"

/* A system call has six arguments. */
#define ARG_INDEX_MAX 5

static const struct property arg_properties[] = {
	{ P_U32(struct oci_seccomp_arg, "index", index, ARG_INDEX_MAX), P_REQUIRED },
	{ P_U64(struct oci_seccomp_arg, "value", value), P_REQUIRED },
	{ P_U64(struct oci_seccomp_arg, "valueTwo", value_two) },
	{ P_WORD(struct oci_seccomp_arg, "op", op, oci_seccomp_operators), P_REQUIRED },
};
static const struct object_type arg_type =
	OBJECT_TYPE(arg_properties, struct oci_seccomp_arg, NULL);

static const struct property syscall_properties[] = {
	{ P_STRINGS(struct oci_seccomp_syscall, "names", names), P_REQUIRED },
	{ P_WORD(struct oci_seccomp_syscall, "action", action, oci_seccomp_actions), P_REQUIRED },
	{ P_OPT_U64(struct oci_seccomp_syscall, "errnoRet", errno_ret, UINT32_MAX) },
	{ P_LIST(struct oci_seccomp_syscall, "args", PROPERTY_OBJECTS, args, args_len),
	  .object = &arg_type },
};

/* "When the action doesn't support an errno, the runtime MUST print and error and fail." */
static int check_errno_ret(const struct json_at *at, const char *key, bool set, const char *action,
			   struct error *err)
{
	struct json_at errno_ret = json_member(at, key);

	if (set && strcmp(action, "SCMP_ACT_ERRNO") != 0 && strcmp(action, "SCMP_ACT_TRACE") != 0)
		return json_error(&errno_ret, err, "%s returns no errno", action);
	return 0;
}

static int check_syscall(const struct json_at *at, struct arena *arena, void *ret,
			 struct error *err)
{
	const struct oci_seccomp_syscall *syscall = ret;
	struct json_at names = json_member(at, "names");

	(void)arena;
	if (syscall->names.len == 0)
		return json_error(&names, err, "expected at least one name");
	return check_errno_ret(at, "errnoRet", syscall->errno_ret.set, syscall->action, err);
}
static const struct object_type syscall_type =
	OBJECT_TYPE(syscall_properties, struct oci_seccomp_syscall, check_syscall);

static const struct property seccomp_properties[] = {
	{ P_WORD(struct oci_seccomp, "defaultAction", default_action, oci_seccomp_actions),
	  P_REQUIRED },
	{ P_OPT_U64(struct oci_seccomp, "defaultErrnoRet", default_errno_ret, UINT32_MAX) },
	{ P_WORDS(struct oci_seccomp, "architectures", architectures, oci_seccomp_archs) },
	{ P_WORDS(struct oci_seccomp, "flags", flags, oci_seccomp_flags) },
	{ P_STRING(struct oci_seccomp, "listenerPath", listener_path) },
	{ P_STRING(struct oci_seccomp, "listenerMetadata", listener_metadata) },
	{ P_LIST(struct oci_seccomp, "syscalls", PROPERTY_OBJECTS, syscalls, syscalls_len),
	  .object = &syscall_type },
};

static int check_seccomp(const struct json_at *at, struct arena *arena, void *ret,
			 struct error *err)
{
	const struct oci_seccomp *seccomp = ret;
	struct json_at metadata = json_member(at, "listenerMetadata");

	(void)arena;
	if (seccomp->listener_metadata && !seccomp->listener_path)
		return json_error(&metadata, err, "needs listenerPath");
	return check_errno_ret(at, "defaultErrnoRet", seccomp->default_errno_ret.set,
			       seccomp->default_action, err);
}
const struct object_type oci_seccomp_type =
	OBJECT_TYPE(seccomp_properties, struct oci_seccomp, check_seccomp);
