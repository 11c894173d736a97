/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_plan.h"

#include <string.h>

#include "base/path.h"

static enum mount_kind kind_of(const struct oci_mount *mount, const struct mount_options *options)
{
	static const struct {
		const char *type;
		enum mount_kind kind;
	} kinds[] = {
		{ "bind", MOUNT_KIND_BIND },      { "rbind", MOUNT_KIND_BIND },
		{ "proc", MOUNT_KIND_PROC },      { "sysfs", MOUNT_KIND_SYSFS },
		{ "tmpfs", MOUNT_KIND_TMPFS },    { "devpts", MOUNT_KIND_DEVPTS },
		{ "mqueue", MOUNT_KIND_MQUEUE },  { "cgroup", MOUNT_KIND_CGROUP },
		{ "cgroup2", MOUNT_KIND_CGROUP },
	};

	/* config.md: with bind or rbind among the options the type is a dummy. */
	if (options->bind)
		return MOUNT_KIND_BIND;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (mount->type && strcmp(mount->type, kinds[i].type) == 0)
			return kinds[i].kind;
	return MOUNT_KIND_FS;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/*
 * /proc is what the runtime and the container trust to be the kernel: nothing but procfs is mounted
 * on it, and below it only over files whose content does no harm when it lies (CVE-2019-16884).
 */
static int check_proc_target(struct mount_step *step, struct error *err)
{
	static const char *const harmless[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/loadavg",
		"/proc/meminfo",
		"/proc/net/dev",
		"/proc/slabinfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/sys/crypto/fips_enabled",
		"/proc/uptime",
		"/proc/sys/kernel/ns_last_pid",
	};

	if (!is_below(step->target, "/proc") || step->kind == MOUNT_KIND_PROC)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (strcmp(step->target, harmless[i]) == 0)
			return 0;
	/* Procfs itself may be bound here; whether the source is, shows on its descriptor. */
	if (step->kind == MOUNT_KIND_BIND) {
		step->procfs_only = true;
		return 0;
	}
	return error_set(err, EINVAL, "destination: only procfs can be mounted on or inside /proc");
}

static int check_bind(const struct mount_step *step, struct error *err)
{
	const struct mount_options *options = &step->options;

	if (options->data_len > 0)
		return error_set(err, EINVAL, "options[%zu]: \"%s\" is no option of a bind mount",
				 options->data[0].index, options->data[0].key);
	if (options->sb_flags)
		return error_set(err, EINVAL,
				 "options[%zu]: \"%s\" acts on a whole file system, which a bind "
				 "mount shares with others",
				 options->sb_index, step->mount->options.items[options->sb_index]);
	if (!options->remount && (!step->mount->source || !*step->mount->source))
		return error_set(err, EINVAL, "source: missing, and a bind mount needs one");
	return 0;
}

static int check_step(struct mount_step *step, struct error *err)
{
	const struct mount_options *options = &step->options;

	if (strcmp(step->target, "/") == 0)
		return error_set(err, EINVAL, "destination: \"/\" is the root itself%s",
				 options->remount ? "; root.readonly makes it read-only" : "");
	if (step->kind == MOUNT_KIND_FS && !options->remount &&
	    (!step->mount->type || !*step->mount->type || strcmp(step->mount->type, "none") == 0))
		return error_set(err, EINVAL,
				 "type: missing, and the options have neither bind nor rbind");
	if (options->tmpcopyup && step->kind != MOUNT_KIND_TMPFS)
		return error_set(err, EINVAL, "options: tmpcopyup needs type tmpfs");
	if (options->copy_symlink && step->kind != MOUNT_KIND_BIND)
		return error_set(err, EINVAL, "options: copy-symlink needs a bind mount");
	if (step->idmapped && (options->remount || step->kind == MOUNT_KIND_CGROUP))
		return error_set(err, EINVAL, "uidMappings: not for a mount of this kind");
	if (step->kind == MOUNT_KIND_CGROUP && options->data_len > 0)
		return error_set(err, EINVAL, "options[%zu]: \"%s\" is no option of a cgroup mount",
				 options->data[0].index, options->data[0].key);
	if (step->kind == MOUNT_KIND_BIND) {
		int r = check_bind(step, err);

		if (r < 0)
			return r;
	}
	return check_proc_target(step, err);
}

static int parse_step(struct mount_plan *plan, struct mount_step *step, struct error *err)
{
	const struct oci_mount *mount = step->mount;
	_cleanup_free_ char *target = NULL;
	int r;

	if (!mount->destination || !*mount->destination)
		return error_set(err, EINVAL, "destination: missing");
	/* Since 1.2 the spec takes a relative destination from "/", which path_clean does. */
	target = path_clean(mount->destination);
	step->target = target ? arena_strdup(&plan->arena, target) : NULL;
	if (!step->target)
		return error_oom(err);
	r = mount_options_parse(&mount->options, &plan->arena, &step->options, err);
	if (r < 0)
		return r;
	step->kind = kind_of(mount, &step->options);
	step->idmapped = step->options.idmap != MOUNT_IDMAP_NONE || mount->uid_mappings.len > 0 ||
			 mount->gid_mappings.len > 0;
	step->no_links = step->kind == MOUNT_KIND_PROC || step->kind == MOUNT_KIND_SYSFS ||
			 step->kind == MOUNT_KIND_CGROUP || is_below(step->target, "/proc") ||
			 strcmp(step->target, "/sys") == 0 || strcmp(step->target, "/dev") == 0;
	return check_step(step, err);
}

int mount_plan_parse(const struct oci_spec *spec, struct mount_plan **ret, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	struct mount_plan *plan = calloc(1, sizeof(*plan));
	int r = 0;

	if (!plan)
		return error_oom(err);
	plan->spec = spec;
	plan->steps = arena_array(&plan->arena, struct mount_step, spec->mounts.len + 1);
	if (!plan->steps)
		r = error_oom(err);
	for (size_t i = 0; r == 0 && i < spec->mounts.len; i++) {
		struct mount_step *step = &plan->steps[plan->len++];

		step->mount = &spec->mounts.items[i];
		step->index = i;
		step->source_fd = step->userns_fd = -1;
		r = parse_step(plan, step, &cause);
		if (r < 0)
			(void)error_set(err, cause.code, "mounts[%zu].%s", i, error_text(&cause));
	}
	if (r < 0) {
		mount_plan_free(plan);
		return r;
	}
	*ret = plan;
	return 0;
}

void mount_plan_free(struct mount_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->len; i++) {
		(void)close_fd(plan->steps[i].source_fd);
		(void)close_fd(plan->steps[i].userns_fd);
	}
	arena_done(&plan->arena);
	free(plan);
}
