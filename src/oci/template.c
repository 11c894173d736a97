/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/template.h"

#include <stdio.h>

#include "base/cleanup.h"

/* Laid out as Go's encoder does, so that a diff with what runc prints shows what differs. */

#define CAPABILITIES                                                                               \
	"[\n\t\t\t\t\"CAP_AUDIT_WRITE\",\n\t\t\t\t\"CAP_KILL\",\n"                                 \
	"\t\t\t\t\"CAP_NET_BIND_SERVICE\"\n\t\t\t]"

static const char process_part[] =
	"{\n"
	"\t\"ociVersion\": \"1.3.0\",\n"
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": {\n\t\t\t\"uid\": 0,\n\t\t\t\"gid\": 0\n\t\t},\n"
	"\t\t\"args\": [\n\t\t\t\"sh\"\n\t\t],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n"
	"\t\t\t\"bounding\": " CAPABILITIES ",\n"
	"\t\t\t\"effective\": " CAPABILITIES ",\n"
	"\t\t\t\"permitted\": " CAPABILITIES "\n"
	"\t\t},\n"
	"\t\t\"rlimits\": [\n"
	"\t\t\t{\n"
	"\t\t\t\t\"type\": \"RLIMIT_NOFILE\",\n"
	"\t\t\t\t\"hard\": 1024,\n"
	"\t\t\t\t\"soft\": 1024\n"
	"\t\t\t}\n"
	"\t\t],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": {\n\t\t\"path\": \"rootfs\",\n\t\t\"readonly\": true\n\t},\n"
	"\t\"hostname\": \"runhcs\",\n";

struct template_mount {
	const char *destination, *type, *source, *options[7];
};

/* Where the two differ: without privileges group 5 is not mapped, and a new sysfs cannot be mounted
 * without a network namespace, which would have no way out. */
enum variant { BOTH, PRIVILEGED, ROOTLESS };

/* clang-format off */
static const struct variant_mount {
	enum variant variant;
	struct template_mount mount;
} mounts[] = {
	{ BOTH, { "/proc", "proc", "proc", { NULL } } },
	{ BOTH, { "/dev", "tmpfs", "tmpfs",
		  { "nosuid", "strictatime", "mode=755", "size=65536k" } } },
	{ PRIVILEGED, { "/dev/pts", "devpts", "devpts",
			{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
			  "gid=5" } } },
	{ ROOTLESS, { "/dev/pts", "devpts", "devpts",
		      { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" } } },
	{ BOTH, { "/dev/shm", "tmpfs", "shm",
		  { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } } },
	{ BOTH, { "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } } },
	{ PRIVILEGED, { "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } } },
	{ ROOTLESS, { "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro" } } },
	{ BOTH, { "/sys/fs/cgroup", "cgroup", "cgroup",
		  { "nosuid", "noexec", "nodev", "relatime", "ro" } } },
};

static const char *const privileged_namespaces[] = {
	"pid", "network", "ipc", "uts", "mount", "cgroup", NULL,
};
static const char *const rootless_namespaces[] = {
	"pid", "ipc", "uts", "mount", "cgroup", "user", NULL,
};

static const char *const masked_paths[] = {
	"/proc/acpi",       "/proc/asound",     "/proc/kcore",
	"/proc/keys",       "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
	"/proc/scsi",       NULL,
};
static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};
/* clang-format on */

static void print_strings(FILE *out, const char *indent, const char *key,
			  const char *const *strings)
{
	(void)fprintf(out, "%s\"%s\": [", indent, key);
	for (size_t i = 0; strings[i]; i++)
		(void)fprintf(out, "%s\n%s\t\"%s\"", i ? "," : "", indent, strings[i]);
	(void)fprintf(out, "\n%s]", indent);
}

static void print_mounts(FILE *out, bool rootless)
{
	const char *separator = "";

	(void)fprintf(out, "\t\"mounts\": [\n");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct template_mount *mount = &mounts[i].mount;

		if (mounts[i].variant == (rootless ? PRIVILEGED : ROOTLESS))
			continue;
		(void)fprintf(out,
			      "%s\t\t{\n\t\t\t\"destination\": \"%s\",\n\t\t\t\"type\": \"%s\",\n"
			      "\t\t\t\"source\": \"%s\"%s\n",
			      separator, mount->destination, mount->type, mount->source,
			      mount->options[0] ? "," : "");
		if (mount->options[0]) {
			print_strings(out, "\t\t\t", "options", mount->options);
			(void)fputc('\n', out);
		}
		(void)fprintf(out, "\t\t}");
		separator = ",\n";
	}
	(void)fprintf(out, "\n\t],\n");
}

static void print_id_mapping(FILE *out, const char *key, unsigned host_id)
{
	(void)fprintf(out,
		      "\t\t\"%s\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n"
		      "\t\t\t\t\"hostID\": %u,\n\t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n",
		      key, host_id);
}

static void print_linux(FILE *out, bool rootless, unsigned uid, unsigned gid)
{
	const char *const *namespaces = rootless ? rootless_namespaces : privileged_namespaces;

	(void)fprintf(out, "\t\"linux\": {\n");
	if (rootless) {
		print_id_mapping(out, "uidMappings", uid);
		print_id_mapping(out, "gidMappings", gid);
	} else {
		(void)fprintf(out, "\t\t\"resources\": {\n\t\t\t\"devices\": [\n\t\t\t\t{\n"
				   "\t\t\t\t\t\"allow\": false,\n"
				   "\t\t\t\t\t\"access\": \"rwm\"\n"
				   "\t\t\t\t}\n\t\t\t]\n\t\t},\n");
	}
	(void)fprintf(out, "\t\t\"namespaces\": [");
	for (size_t i = 0; namespaces[i]; i++)
		(void)fprintf(out, "%s\n\t\t\t{\n\t\t\t\t\"type\": \"%s\"\n\t\t\t}", i ? "," : "",
			      namespaces[i]);
	(void)fprintf(out, "\n\t\t],\n");
	print_strings(out, "\t\t", "maskedPaths", masked_paths);
	(void)fprintf(out, ",\n");
	print_strings(out, "\t\t", "readonlyPaths", readonly_paths);
	(void)fprintf(out, "\n\t}\n}\n");
}

char *oci_template(bool rootless, unsigned uid, unsigned gid)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (!out)
		return NULL;
	(void)fputs(process_part, out);
	print_mounts(out, rootless);
	print_linux(out, rootless, uid, gid);
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
