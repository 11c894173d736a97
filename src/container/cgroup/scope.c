/* SPDX-License-Identifier: Apache-2.0 */
/* Names of systemd's units. */
#include <string.h>

#include "container/cgroup/private.h"

#define UNIT_NAME_MAX 255

static bool is_unit_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= UNIT_NAME_MAX &&
	       strspn(name,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-@") ==
		       len;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Fields of slice:prefix:name; *ret_* point into text, which is cut up. */
static int split(char *text, char **slice, char **prefix, char **name)
{
	char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	if (!second || strchr(second + 1, ':'))
		return -EINVAL;
	*first = *second = 0;
	*slice = text;
	*prefix = first + 1;
	*name = second + 1;
	return 0;
}

int scope_parse(const char *cgroups_path, const char *id, bool user, char **ret_slice,
		char **ret_scope, struct error *err)
{
	_cleanup_free_ char *text = NULL, *unit = NULL, *where = NULL;
	char *slice = NULL, *prefix = NULL, *name = NULL;
	bool given = cgroups_path && *cgroups_path;

	if (given) {
		text = strdup(cgroups_path);
		if (!text)
			return error_oom(err);
		if (split(text, &slice, &prefix, &name) < 0 || !*name)
			return error_set(err, EINVAL,
					 "linux.cgroupsPath: '%s' is not slice:prefix:name, as the "
					 "systemd cgroup manager wants it",
					 cgroups_path);
	}
	where = strdup(slice && *slice ? slice : user ? "user.slice" : "system.slice");
	if (!where)
		return error_oom(err);
	if (ends_with(given ? name : id, ".slice"))
		return error_set(err, EOPNOTSUPP,
				 "linux.cgroupsPath: '%s' names a slice; a container is a scope",
				 given ? name : id);
	if (asprintf(&unit, "%s%s%s.scope", given ? prefix : "hcs", !given || *prefix ? "-" : "",
		     given ? name : id) < 0) {
		unit = NULL;
		return error_oom(err);
	}
	if (!is_unit_name(unit))
		return error_set(err, EINVAL,
				 "linux.cgroupsPath: '%s' is no name for a systemd unit", unit);
	*ret_slice = TAKE_PTR(where);
	*ret_scope = TAKE_PTR(unit);
	return 0;
}

/* systemd.slice(5): the dashes of a slice's name are its path. */
int scope_expand_slice(const char *slice, char **ret)
{
	static const char suffix[] = ".slice";
	_cleanup_free_ char *path = NULL;
	size_t len = strlen(slice), room;
	char *p;

	if (strcmp(slice, "-.slice") == 0) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	if (!ends_with(slice, suffix) || !is_unit_name(slice) || len == strlen(suffix))
		return -EINVAL;
	len -= strlen(suffix);
	if (slice[0] == '-' || slice[len - 1] == '-' || memmem(slice, len, "--", 2))
		return -EINVAL;
	/* Each of at most len levels is at most the whole name and its suffix and slash. */
	room = (len + 1) * (len + sizeof(suffix) + 1);
	path = malloc(room);
	if (!path)
		return -ENOMEM;
	p = path;
	for (size_t i = 1; i <= len; i++)
		if (i == len || slice[i] == '-')
			p += sprintf(p, "/%.*s%s", (int)i, slice, suffix);
	*ret = TAKE_PTR(path);
	return 0;
}
