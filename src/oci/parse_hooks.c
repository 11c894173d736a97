/* SPDX-License-Identifier: Apache-2.0 */
/* config.md "POSIX-platform Hooks" */
#include "oci/sections.h"

/* In seconds: as milliseconds it still fits the int that waiting takes. */
#define HOOK_TIMEOUT_MAX (INT32_MAX / 1000)

static const struct property hook_properties[] = {
	{ P_STRING(struct oci_hook, "path", path), P_REQUIRED },
	{ P_STRINGS(struct oci_hook, "args", args) },
	{ P_STRINGS(struct oci_hook, "env", env) },
	{ P_OPT_I64(struct oci_hook, "timeout", timeout, 1, HOOK_TIMEOUT_MAX) },
};
static const struct object_type hook_type = OBJECT_TYPE(hook_properties, struct oci_hook, NULL);

#define P_HOOKS(key, kind) P_OBJECTS(struct oci_spec, key, hooks[kind], &hook_type)

static const struct property hooks_properties[] = {
	{ P_HOOKS("prestart", OCI_HOOK_PRESTART) },
	{ P_HOOKS("createRuntime", OCI_HOOK_CREATE_RUNTIME) },
	{ P_HOOKS("createContainer", OCI_HOOK_CREATE_CONTAINER) },
	{ P_HOOKS("startContainer", OCI_HOOK_START_CONTAINER) },
	{ P_HOOKS("poststart", OCI_HOOK_POSTSTART) },
	{ P_HOOKS("poststop", OCI_HOOK_POSTSTOP) },
};
const struct object_type oci_hooks_type = OBJECT_TYPE(hooks_properties, struct oci_spec, NULL);
