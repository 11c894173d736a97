/* SPDX-License-Identifier: Apache-2.0 */
#include "container/user_map.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "base/subprocess.h"

#define LINE_MAX_LEN 36 /* three decimal uint32 with separators */

static char *format_map(const struct oci_id_mappings *map)
{
	char *text = malloc(map->len * LINE_MAX_LEN + 1), *p = text;

	if (!text)
		return NULL;
	*p = '\0';
	for (size_t i = 0; i < map->len; i++)
		p += snprintf(p, LINE_MAX_LEN, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
			      map->items[i].container_id, map->items[i].host_id,
			      map->items[i].size);
	return text;
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return file_write(AT_FDCWD, path, text, strlen(text));
}

/* newuidmap PID CONTAINER HOST SIZE … */
static int run_helper(const char *program, pid_t pid, const struct oci_id_mappings *map,
		      struct error *err)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_free_ char *output = NULL;
	struct subprocess sp = {
		.path = program, .timeout_ms = 10000, .stdout_fd = -1, .stderr_fd = -1, .cwd_fd = -1
	};
	char **argv = arena_array(&arena, char *, 3 + map->len * 3);
	size_t n = 0;
	int r;

	if (!argv)
		return error_oom(err);
	argv[n++] = arena_strdup(&arena, program);
	argv[n++] = arena_printf(&arena, "%d", (int)pid);
	for (size_t i = 0; i < map->len; i++) {
		argv[n++] = arena_printf(&arena, "%" PRIu32, map->items[i].container_id);
		argv[n++] = arena_printf(&arena, "%" PRIu32, map->items[i].host_id);
		argv[n++] = arena_printf(&arena, "%" PRIu32, map->items[i].size);
	}
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return error_oom(err);
	sp.argv = argv;
	r = subprocess_run(&sp, &output, err);
	if (r < 0)
		return error_wrap(err, r, "map ids (the package uidmap has %s)", program);
	if (r > 0)
		return error_set(err, EPERM, "%s: status %d: %.*s", program, r,
				 (int)strcspn(output ? output : "", "\n"), output ? output : "");
	return 0;
}

/* One's own id alone may be mapped without help. */
static bool maps_only(const struct oci_id_mappings *map, uint32_t id)
{
	return map->len == 1 && map->items[0].host_id == id && map->items[0].size == 1;
}

static int write_one(pid_t pid, const char *file, const char *program,
		     const struct oci_id_mappings *map, uint32_t own, bool privileged,
		     struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!privileged && !maps_only(map, own))
		return run_helper(program, pid, map, err);
	text = format_map(map);
	if (!text)
		return error_oom(err);
	r = write_proc(pid, file, text);
	return r < 0 ? error_sys(err, -r, "write %s", file) : 0;
}

int user_map_write(pid_t pid, const struct oci_id_mappings *uids,
		   const struct oci_id_mappings *gids, struct error *err)
{
	bool privileged = geteuid() == 0;
	int r;

	r = write_one(pid, "uid_map", "/usr/bin/newuidmap", uids, geteuid(), privileged, err);
	if (r < 0)
		return error_wrap(err, r, "linux.uidMappings");
	/* Without privilege one's own gid may be mapped only once setgroups is given up
	 * (CVE-2014-8989). newgidmap does without. */
	if (!privileged && maps_only(gids, getegid())) {
		r = write_proc(pid, "setgroups", "deny");
		if (r < 0 && r != -ENOENT)
			return error_sys(err, -r, "write setgroups");
	}
	r = write_one(pid, "gid_map", "/usr/bin/newgidmap", gids, getegid(), privileged, err);
	return r < 0 ? error_wrap(err, r, "linux.gidMappings") : 0;
}
