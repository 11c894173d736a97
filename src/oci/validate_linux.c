/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <linux/if.h>
#include <string.h>

#include "base/json.h"
#include "oci/rules.h"
#include "oci/words.h"

/* What the kernel's dev_t holds: a larger number would name another device. */
#define MAJOR_MAX 0xfff
#define MINOR_MAX 0xfffff

static int check_namespaces(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *linux_ = spec->linux_;

	for (int kind = 0; kind < OCI_NS_KINDS; kind++) {
		const struct oci_namespace *ns = &linux_->namespaces[kind];

		if (ns->path && ns->path[0] != '/')
			return error_set(err, EINVAL,
					 "linux.namespaces[%zu].path: expected an absolute path",
					 ns->index);
	}
	if ((linux_->time_offset_monotonic.set || linux_->time_offset_boottime.set) &&
	    !oci_has_new_namespace(spec, OCI_NS_TIME))
		return error_set(
			err, EINVAL,
			"linux.timeOffsets: needs a new time namespace in linux.namespaces");
	return 0;
}

static int check_absolute(const struct strv *paths, const char *key, struct error *err)
{
	for (size_t i = 0; i < paths->len; i++)
		if (paths->items[i][0] != '/')
			return error_set(err, EINVAL, "linux.%s[%zu]: expected an absolute path",
					 key, i);
	return 0;
}

/* Without a mount namespace of its own, the container would change the host's mounts. */
static int check_paths(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *linux_ = spec->linux_;
	const char *key = linux_->masked_paths.len     ? "maskedPaths"
			  : linux_->readonly_paths.len ? "readonlyPaths"
			  : linux_->rootfs_propagation ? "rootfsPropagation"
						       : NULL;
	int r;

	if (key && !oci_has_namespace(spec, OCI_NS_MOUNT))
		return error_set(err, EINVAL,
				 "linux.%s: needs a mount namespace in linux.namespaces", key);
	r = check_absolute(&linux_->masked_paths, "maskedPaths", err);
	return r < 0 ? r : check_absolute(&linux_->readonly_paths, "readonlyPaths", err);
}

static int check_devices(const struct oci_devices *devices, struct error *err)
{
	for (size_t i = 0; i < devices->len; i++) {
		const struct oci_device *device = &devices->items[i];

		if (device->path[0] != '/')
			return error_set(err, EINVAL,
					 "linux.devices[%zu].path: expected an absolute path", i);
		if ((device->uid.set && device->uid.value == UINT32_MAX) ||
		    (device->gid.set && device->gid.value == UINT32_MAX))
			return error_set(err, EINVAL, "linux.devices[%zu].%s: %u is not an id", i,
					 device->uid.value == UINT32_MAX ? "uid" : "gid",
					 UINT32_MAX);
		if (*device->type == 'p') /* a FIFO has no numbers */
			continue;
		if (!device->major.set)
			return error_set(err, EINVAL, "linux.devices[%zu].major: required", i);
		if (device->major.value < 0 || device->major.value > MAJOR_MAX)
			return error_set(err, EINVAL, "linux.devices[%zu].major: not from 0 to %d",
					 i, MAJOR_MAX);
		if (!device->minor.set)
			return error_set(err, EINVAL, "linux.devices[%zu].minor: required", i);
		if (device->minor.value < 0 || device->minor.value > MINOR_MAX)
			return error_set(err, EINVAL, "linux.devices[%zu].minor: not from 0 to %d",
					 i, MINOR_MAX);
	}
	return 0;
}

/* dev_valid_name() of the kernel. */
static bool interface_name_valid(const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	return true;
}

static const char *inner_name(const struct oci_net_device *device)
{
	return device->name ? device->name : device->host_name;
}

static int check_net_devices(const struct oci_spec *spec, struct error *err)
{
	const struct oci_net_devices *devices = &spec->linux_->net_devices;
	char key[JSON_PRINTABLE_SIZE], name[JSON_PRINTABLE_SIZE];

	if (devices->len && !oci_has_namespace(spec, OCI_NS_NETWORK))
		return error_set(err, EINVAL,
				 "linux.netDevices: needs a network namespace in linux.namespaces");
	for (size_t i = 0; i < devices->len; i++) {
		const struct oci_net_device *device = &devices->items[i];
		const char *inner = inner_name(device);

		(void)json_printable(device->host_name, key);
		if (!interface_name_valid(device->host_name))
			return error_set(err, EINVAL, "linux.netDevices.%s: not an interface name",
					 key);
		if (!interface_name_valid(inner))
			return error_set(
				err, EINVAL,
				"linux.netDevices.%s.name: \"%s\" is not an interface name", key,
				json_printable(inner, name));
		if (strchr(inner, '%')) /* a template ("eth%d"): the kernel chooses */
			continue;
		for (size_t j = 0; j < i; j++)
			if (strcmp(inner_name(&devices->items[j]), inner) == 0)
				return error_set(err, EINVAL,
						 "linux.netDevices.%s.name: duplicate \"%s\"", key,
						 json_printable(inner, name));
	}
	return 0;
}

/* No component of '/'- or '.'-separated names may be empty or lead elsewhere below /proc/sys. */
static int check_sysctl(const struct key_values *sysctl, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	for (size_t i = 0; i < sysctl->len; i++) {
		const char *key = sysctl->items[i].key;
		size_t len = strlen(key);

		if (key[0] == '.' || key[0] == '/' || key[len - 1] == '.' || key[len - 1] == '/' ||
		    strstr(key, "//") || strstr(key, "..") || strstr(key, "/./") ||
		    strpbrk(key, " \t\n"))
			return error_set(err, EINVAL, "linux.sysctl.%s: not a name of a sysctl",
					 json_printable(key, buf));
	}
	return 0;
}

static int check_cgroups_path(const char *path, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	for (const char *p = path; p && *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return error_set(err, EINVAL,
					 "linux.cgroupsPath: \"%s\" must not have \"..\"",
					 json_printable(path, buf));
		if (len > 255)
			return error_set(err, EINVAL,
					 "linux.cgroupsPath: a name is longer than 255 bytes");
		p += len;
	}
	if (path && strchr(path, '\n'))
		return error_set(err, EINVAL, "linux.cgroupsPath: must not have a line break");
	return 0;
}

/* config-linux.md "IntelRdt": closID is a directory, the schemas are lines. */
static int check_intel_rdt(const struct oci_intel_rdt *rdt, struct error *err)
{
	const char *id = rdt->clos_id;

	if (id && strcmp(id, "/") != 0 &&
	    (strpbrk(id, "/\n") || strcmp(id, ".") == 0 || strcmp(id, "..") == 0))
		return error_set(err, EINVAL,
				 "linux.intelRdt.closID: expected a directory's name or \"/\"");
	if (rdt->l3_cache_schema && strchr(rdt->l3_cache_schema, '\n'))
		return error_set(err, EINVAL,
				 "linux.intelRdt.l3CacheSchema: must not have a line break");
	if (rdt->mem_bw_schema &&
	    (strncmp(rdt->mem_bw_schema, "MB:", 3) != 0 || strchr(rdt->mem_bw_schema, '\n')))
		return error_set(
			err, EINVAL,
			"linux.intelRdt.memBwSchema: expected one line that begins with \"MB:\"");
	for (size_t i = 0; i < rdt->schemata.len; i++)
		if (strchr(rdt->schemata.items[i], '\n'))
			return error_set(err, EINVAL,
					 "linux.intelRdt.schemata[%zu]: must not have a line break",
					 i);
	return 0;
}

int oci_validate_linux(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *linux_ = spec->linux_;
	int r;

	if (linux_->personality && linux_->personality->flags.len)
		return error_set(err, EINVAL,
				 "linux.personality.flags[0]: the spec defines no flag");
	if ((r = check_namespaces(spec, err)) < 0 || (r = check_paths(spec, err)) < 0 ||
	    (r = check_devices(&linux_->devices, err)) < 0 ||
	    (r = check_net_devices(spec, err)) < 0 ||
	    (r = check_sysctl(&linux_->sysctl, err)) < 0 ||
	    (r = check_cgroups_path(linux_->cgroups_path, err)) < 0)
		return r;
	return linux_->intel_rdt ? check_intel_rdt(linux_->intel_rdt, err) : 0;
}
