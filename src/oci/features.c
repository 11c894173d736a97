/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/features.h"

#include <jansson.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "oci/words.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

/* features.md "Mount Options": what the mounts part of the engine knows, without what it hands
 * on to the file system. */
/* clang-format off */
static const char *const mount_options[] = {
	"async",          "atime",          "bind",           "copy-symlink",   "defaults",
	"dev",            "diratime",       "dirsync",        "exec",           "idmap",
	"iversion",       "lazytime",       "loud",           "mand",           "noatime",
	"nodev",          "nodiratime",     "nodirsync",      "noexec",         "noiversion",
	"nolazytime",     "nomand",         "norelatime",     "nostrictatime",  "nosuid",
	"nosymfollow",    "private",        "ratime",         "rbind",          "rdev",
	"rdiratime",      "relatime",       "remount",        "rexec",          "ridmap",
	"rnoatime",       "rnodev",         "rnodiratime",    "rnoexec",        "rnorelatime",
	"rnostrictatime", "rnosuid",        "rnosymfollow",   "ro",             "rprivate",
	"rrelatime",      "rro",            "rrw",            "rshared",        "rslave",
	"rstrictatime",   "rsuid",          "rsymfollow",     "runbindable",    "rw",
	"shared",         "silent",         "slave",          "strictatime",    "suid",
	"symfollow",      "sync",           "tmpcopyup",      "unbindable",
	NULL,
};
/* clang-format on */

/* Annotations that change what this runtime does; a final dot makes a prefix. */
static const char *const unsafe_annotations[] = { "io.hcs.", "org.systemd.property.", NULL };

/* NULL on OOM, which json_pack hands on. */
static json_t *words(const char *const *list)
{
	json_t *array = json_array();

	for (; array && *list; list++) {
		if (json_array_append_new(array, json_string(*list)) < 0) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

/* A pair a line. */
/* clang-format off */
static json_t *seccomp_features(void)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1,
			 "actions", words(oci_seccomp_actions),
			 "operators", words(oci_seccomp_operators),
			 "archs", words(oci_seccomp_archs),
			 "knownFlags", words(oci_seccomp_flags),
			 "supportedFlags", words(oci_seccomp_flags));
}

static json_t *linux_features(void)
{
	return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b},"
			 " s:{s:b, s:b, s:b}, s:{s:o, s:o}, s:{s:{s:b}}, s:{s:b}}",
			 "namespaces", words(oci_namespace_names),
			 "capabilities", words(oci_capability_names),
			 "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 1, "rdma", 1,
			 "seccomp", seccomp_features(),
			 "apparmor", "enabled", 1,
			 "selinux", "enabled", 1,
			 "intelRdt", "enabled", 1, "schemata", 1, "monitoring", 1,
			 "memoryPolicy", "modes", words(oci_memory_policy_modes),
			 "flags", words(oci_memory_policy_flags),
			 "mountExtensions", "idmap", "enabled", 1,
			 "netDevices", "enabled", 1);
}

char *oci_features(const struct key_values *more)
{
	json_t *features, *annotations;
	char *text;

	/* The document says what was compiled in, not what this host can do (features.md). */
	features = json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s}, s:o}",
			     "ociVersionMin", "1.0.0",
			     "ociVersionMax", "1.3.0",
			     "hooks", words(oci_hook_names),
			     "mountOptions", words(mount_options),
			     "linux", linux_features(),
			     "annotations", "io.hcs.version", HCS_VERSION,
			     "io.github.seccomp.libseccomp.version",
			     STRING(SCMP_VER_MAJOR) "." STRING(SCMP_VER_MINOR) "."
			     STRING(SCMP_VER_MICRO),
			     "potentiallyUnsafeConfigAnnotations", words(unsafe_annotations));
	if (!features)
		return NULL;
	annotations = json_object_get(features, "annotations");
	for (size_t i = 0; more && i < more->len; i++)
		if (json_object_set_new(annotations, more->items[i].key,
					json_string(more->items[i].value)) < 0) {
			json_decref(features);
			return NULL;
		}
	text = json_dumps(features, JSON_INDENT(4));
	json_decref(features);
	return text;
}
/* clang-format on */
