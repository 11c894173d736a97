/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and devices. */
#include <string.h>

#include "hcs/run_flags.h"
#include "service/container_config_parts.h"
#include "service/lists.h"
#include "service/volume_spec.h"

static int add_volume(struct container_config *config, const struct container_volume *volume,
		      struct error *err)
{
	struct container_volume *items =
		list_grow(&config->arena, config->volumes, config->volumes_len, 1, sizeof(*items));

	if (!items)
		return error_oom(err);
	items[config->volumes_len++] = *volume;
	config->volumes = items;
	return 0;
}

static int take_volumes(const struct run_flags *flags, struct container_config *config,
			struct error *err)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0);
	struct arena *arena = &config->arena;
	struct container_volume volume;
	int r = 0;

	for (size_t i = 0; r == 0 && i < flags->volumes.len; i++) {
		r = volume_parse_short(flags->volumes.items[i], cwd, arena, &volume, err);
		if (r == 0)
			r = add_volume(config, &volume, err);
	}
	for (size_t i = 0; r == 0 && i < flags->mounts.len; i++) {
		r = volume_parse_long(flags->mounts.items[i], arena, &volume, err);
		if (r == 0)
			r = add_volume(config, &volume, err);
	}
	for (size_t i = 0; r == 0 && i < flags->tmpfs.len; i++) {
		r = volume_parse_tmpfs(flags->tmpfs.items[i], arena, &volume, err);
		if (r == 0)
			r = add_volume(config, &volume, err);
	}
	return r;
}

static bool is_access(const char *text)
{
	const size_t len = strlen(text);

	return len > 0 && len <= 3 && text[strspn(text, "rwm")] == '\0';
}

/* "/dev/x", "/dev/x:/dev/y", "/dev/x:rw", "/dev/x:/dev/y:rw" */
static int take_device(const char *text, struct container_config *config, struct error *err)
{
	struct container_device device = { 0 }, *items;
	struct arena *arena = &config->arena;
	char *copy = arena_strdup(arena, text), *second, *third = NULL;

	if (!copy)
		return error_oom(err);
	device.host = copy;
	second = strchr(copy, ':');
	if (second) {
		*second++ = '\0';
		third = strchr(second, ':');
		if (third)
			*third++ = '\0';
		else if (second[0] != '/') {
			third = second;
			second = NULL;
		}
	}
	device.container = second ? second : device.host;
	device.permissions = third ? third : arena_strdup(arena, "rwm");
	if (!device.permissions)
		return error_oom(err);
	if (device.host[0] != '/')
		return flag_invalid(err, "--device", text,
				    "a path on the host is expected (names of CDI devices are not "
				    "supported)");
	if (device.container[0] != '/')
		return flag_invalid(err, "--device", text, "%s is not an absolute path",
				    device.container);
	if (!is_access(device.permissions))
		return flag_invalid(err, "--device", text, "invalid device mode: %s",
				    device.permissions);
	items = list_grow(arena, config->devices, config->devices_len, 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	items[config->devices_len++] = device;
	config->devices = items;
	return 0;
}

static int take_rules(const struct run_flags *flags, struct container_config *config,
		      struct error *err)
{
	const struct flag_list *texts = &flags->device_cgroup_rules;
	struct oci_device_rules rules = { 0 };
	int r = 0;

	if (!texts->len)
		return 0;
	rules.items = arena_array(&config->arena, struct oci_device_rule, texts->len);
	if (!rules.items)
		return error_oom(err);
	for (; r == 0 && rules.len < texts->len; rules.len++)
		r = device_rule_parse(texts->items[rules.len], &config->arena,
				      &rules.items[rules.len], err);
	config->device_cgroup_rules = rules;
	return r;
}

int run_flags_files(const struct run_flags *flags, struct container_config *config,
		    struct error *err)
{
	int r = take_volumes(flags, config, err);

	for (size_t i = 0; r == 0 && i < flags->devices.len; i++)
		r = take_device(flags->devices.items[i], config, err);
	return r < 0 ? r : take_rules(flags, config, err);
}
