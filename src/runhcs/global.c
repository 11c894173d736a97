/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/global.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"

static const struct option options[] = {
	OPT_VALUE("root", 0, struct global_options, root, "DIR",
		  "directory of the containers' state (default /run/runhcs, or "
		  "$XDG_RUNTIME_DIR/runhcs for an ordinary user)"),
	OPT_VALUE("log", 0, struct global_options, log, "FILE",
		  "append errors and warnings to FILE; errors also go to stderr"),
	OPT_VALUE("log-format", 0, struct global_options, log_format, "FORMAT",
		  "text (default) or json"),
	OPT_VALUE("log-level", 0, struct global_options, log_level, "LEVEL",
		  "error, warning (default) or debug"),
	OPT_FLAG("debug", 0, struct global_options, debug, "the same as --log-level debug"),
	OPT_VALUE("owner", 0, struct global_options, owner, "NAME",
		  "owner of the containers created (default: the caller's user name)"),
	OPT_FLAG("systemd-cgroup", 0, struct global_options, systemd_cgroup,
		 "the same as --cgroup-manager systemd"),
	OPT_VALUE("cgroup-manager", 0, struct global_options, cgroup_manager, "MANAGER",
		  "who makes cgroups: cgroupfs (default), systemd, or disabled for none"),
	OPT_TRUTH("rootless", 0, struct global_options, rootless, "WHEN",
		  "do without cgroups that may not be made: true, false, or auto (default)"),
	OPT_VALUE("criu", 0, struct global_options, criu, "PATH", NULL),
	OPT_FLAG("version", 'v', struct global_options, version, "show the version"),
	OPT_FLAG("V", 'V', struct global_options, version, NULL),
	OPT_END,
};

const struct command program_command = {
	.usage = "[global options] COMMAND [options] [arguments]",
	.description =
		"Runs containers as the Open Container Initiative specifies them. A container is "
		"made from a bundle: a directory with a config.json and a root file system. "
		"Nothing stays behind but the container itself; its state is a directory that "
		"every command finds by the container's id.",
	.examples = "  # In a directory that holds a root file system in rootfs/:\n"
		    "  runhcs spec\n"
		    "  runhcs run mycontainer\n",
	.options = options,
	.max_args = -1,
	.stop_after = 1,
};

/* Whether this process's ids are those of the host; in a user namespace they are not all there. */
static bool in_user_namespace(void)
{
	_cleanup_free_ char *map = NULL;
	unsigned long long inside, outside, count;
	size_t len;

	if (file_read(AT_FDCWD, "/proc/self/uid_map", 65536, &map, &len) < 0)
		return false; /* a kernel without user namespaces has no such file */
	return sscanf(map, "%llu %llu %llu", &inside, &outside, &count) != 3 || inside != 0 ||
	       outside != 0 || count != UINT32_MAX;
}

static int find_rootless(const char *text, bool *ret, struct error *err)
{
	if (text && strcmp(text, "auto") != 0) {
		if (truth_parse(text, ret) < 0)
			return usage_error(&program_command, err,
					   "--rootless is true, false or auto, not \"%s\"", text);
		return 0;
	}
	*ret = geteuid() != 0 || in_user_namespace();
	return 0;
}

static int find_cgroup_manager(const struct global_options *given, enum cgroup_manager *ret,
			       struct error *err)
{
	const char *name = given->cgroup_manager;

	if (!name)
		*ret = given->systemd_cgroup ? CGROUP_SYSTEMD : CGROUP_CGROUPFS;
	else if (!strcmp(name, "cgroupfs"))
		*ret = CGROUP_CGROUPFS;
	else if (!strcmp(name, "systemd"))
		*ret = CGROUP_SYSTEMD;
	else if (!strcmp(name, "disabled"))
		*ret = CGROUP_DISABLED;
	else
		return usage_error(&program_command, err,
				   "--cgroup-manager is cgroupfs, systemd or disabled, not \"%s\"",
				   name);
	if (given->systemd_cgroup && *ret != CGROUP_SYSTEMD)
		return usage_error(&program_command, err,
				   "--systemd-cgroup contradicts --cgroup-manager %s", name);
	return 0;
}

static int find_root(const char *given, const char **ret, char **ret_root, struct error *err)
{
	char cwd[4096];

	if (given && given[0] == '/') {
		*ret = given;
		return 0;
	}
	if (!given) {
		*ret = *ret_root = compute_default_root();
		return *ret ? 0 : error_oom(err);
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return error_sys(err, errno, "--root %s: cannot find the current directory", given);
	*ret = *ret_root = path_join(cwd, given);
	return *ret ? 0 : error_oom(err);
}

int global_host(const struct global_options *given, struct compute_host *host, char **ret_root,
		struct error *err)
{
	int r;

	r = find_cgroup_manager(given, &host->cgroup_manager, err);
	if (r < 0)
		return r;
	r = find_rootless(given->rootless, &host->rootless, err);
	if (r < 0)
		return r;
	return find_root(given->root, &host->root, ret_root, err);
}
