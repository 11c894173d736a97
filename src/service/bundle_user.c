/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by the image's /etc/passwd and /etc/group, by the rules of docker and runc. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/number.h"
#include "service/bundle_parts.h"

#define FILE_MAX ((size_t)4 << 20)
#define GROUPS_MAX ((size_t)65536)

struct passwd_entry {
	const char *name, *home;
	uint32_t uid, gid;
	bool found;
};

/* The text of a file of the image, "" when it is not there; caller frees. */
static int read_file(int root, const char *path, char **ret, struct error *err)
{
	/* Looked at before it is opened: to open a device can do something. */
	_cleanup_close_ int at = path_open(root, path, O_PATH), fd = -1;
	char via[FD_PATH_MAX];
	struct stat st;
	size_t len;
	int r;

	if (at == -ENOENT || at == -ENOTDIR || at == -ELOOP) {
		*ret = strdup("");
		return *ret ? 0 : error_oom(err);
	}
	if (at < 0)
		return error_sys(err, -at, "the image's %s", path);
	if (fstat(at, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "the image's %s is not a file", path);
	fd = open(fd_path(at, via), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "the image's %s", path);
	r = fd_read_all(fd, FILE_MAX, ret, &len);
	return r < 0 ? error_sys(err, -r, "the image's %s", path) : 0;
}

/* The next line's fields, in place; fields beyond n stay in the last. false: the end. */
static bool next_line(char **at, char **fields, size_t n)
{
	char *line = *at, *end;

	if (!line || !*line)
		return false;
	end = strchr(line, '\n');
	if (end)
		*end++ = '\0';
	*at = end;
	for (size_t i = 0; i < n; i++)
		fields[i] = line ? strsep(&line, ":") : NULL;
	return true;
}

static bool is_id(const char *text, uint32_t *ret)
{
	uint64_t value;

	if (!text || number_unsigned(text, UINT32_MAX - 1, &value) < 0)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* By name, or by number. */
static struct passwd_entry find_user(char *text, const char *user, bool numeric, uint32_t uid)
{
	struct passwd_entry entry = { .home = "/", .uid = uid };
	char *fields[7];

	while (next_line(&text, fields, ARRAY_SIZE(fields))) {
		uint32_t line_uid, gid;

		if (!fields[0] || !*fields[0] || !is_id(fields[2], &line_uid) ||
		    !is_id(fields[3], &gid))
			continue;
		if (strcmp(fields[0], user) != 0 && !(numeric && line_uid == uid))
			continue;
		return (struct passwd_entry){ fields[0], fields[5] && *fields[5] ? fields[5] : "/",
					      line_uid, gid, true };
	}
	return entry;
}

static bool find_group(const char *file, const char *group, uint32_t *ret)
{
	_cleanup_free_ char *copy = strdup(file);
	char *text = copy, *fields[4];
	uint32_t gid;

	while (next_line(&text, fields, ARRAY_SIZE(fields)))
		if (fields[0] && strcmp(fields[0], group) == 0 && is_id(fields[2], &gid)) {
			*ret = gid;
			return true;
		}
	return is_id(group, ret);
}

static bool is_member(char *members, const char *name)
{
	char *save = NULL;

	for (char *m = members ? strtok_r(members, ",", &save) : NULL; m;
	     m = strtok_r(NULL, ",", &save))
		if (strcmp(m, name) == 0)
			return true;
	return false;
}

static int add_gid(struct oci_user *user, uint32_t gid, struct arena *arena, struct error *err)
{
	uint32_t *grown;

	for (size_t i = 0; i < user->additional_gids_len; i++)
		if (user->additional_gids[i] == gid)
			return 0;
	if (user->additional_gids_len == GROUPS_MAX)
		return error_set(err, E2BIG, "more than %zu groups", GROUPS_MAX);
	/* It is full when its length is a power of two; twice as long then: an image decides how many. */
	if ((user->additional_gids_len & (user->additional_gids_len - 1)) == 0) {
		grown = arena_array(arena, uint32_t, 2 * user->additional_gids_len + 1);
		if (!grown)
			return error_oom(err);
		if (user->additional_gids_len)
			memcpy(grown, user->additional_gids,
			       user->additional_gids_len * sizeof(*grown));
		user->additional_gids = grown;
	}
	user->additional_gids[user->additional_gids_len++] = gid;
	return 0;
}

/* The groups that have the user among their members. */
static int add_memberships(struct oci_user *user, const char *name, char *groups,
			   struct arena *arena, struct error *err)
{
	char *fields[4];
	uint32_t gid;
	int r = 0;

	while (r == 0 && next_line(&groups, fields, ARRAY_SIZE(fields)))
		if (is_id(fields[2], &gid) && is_member(fields[3], name))
			r = add_gid(user, gid, arena, err);
	return r;
}

static int look_up(char *passwd, char *lines, const char *groups, const char *text,
		   struct oci_user *ret, char **ret_home, struct arena *arena, struct error *err)
{
	const size_t len = strcspn(text, ":");
	char *name = arena_strndup(arena, text, len);
	const char *group = text[len] ? text + len + 1 : "";
	struct passwd_entry entry;
	uint32_t uid = 0;
	bool numeric;
	int r;

	if (!name)
		return error_oom(err);
	numeric = !*name || is_id(name, &uid);
	entry = find_user(passwd, name, numeric, uid);
	if (!entry.found && !numeric)
		return error_set(err, ENOENT,
				 "unable to find user %s: no matching entries in passwd file",
				 name);
	ret->uid = entry.uid;
	ret->gid = entry.gid;
	*ret_home = arena_strdup(arena, entry.home);
	if (!*ret_home)
		return error_oom(err);
	if (*group) {
		if (!find_group(groups, group, &ret->gid))
			return error_set(err, ENOENT,
					 "unable to find group %s: no matching entries in group "
					 "file",
					 group);
		/* Without it, dropping a supplementary group could grant access (CVE-2022-36109). */
		return add_gid(ret, ret->gid, arena, err);
	}
	r = add_gid(ret, ret->gid, arena, err);
	if (r == 0 && entry.found)
		r = add_memberships(ret, entry.name, lines, arena, err);
	return r;
}

int bundle_user(const struct record *record, char *const *layers, const char *user,
		struct oci_user *ret, char **ret_home, struct arena *arena, struct error *err)
{
	const char *text = user ? user : record->config.user ? record->config.user : "";
	const struct strv *added = &record->config.group_add;
	_cleanup_free_ char *passwd = NULL, *groups = NULL, *groups_copy = NULL;
	_cleanup_close_ int root = bundle_image_root(record, layers, err);
	struct oci_user found = { 0 };
	int r;

	if (root < 0)
		return root;
	r = read_file(root, "/etc/passwd", &passwd, err);
	if (r == 0)
		r = read_file(root, "/etc/group", &groups, err);
	if (r < 0)
		return r;
	groups_copy = strdup(groups);
	if (!groups_copy)
		return error_oom(err);
	r = look_up(passwd, groups_copy, groups, text, &found, ret_home, arena, err);
	for (size_t i = 0; r == 0 && i < added->len; i++) {
		uint32_t gid;

		if (!find_group(groups, added->items[i], &gid))
			return error_set(err, ENOENT,
					 "unable to find group %s: no matching entries in group "
					 "file",
					 added->items[i]);
		r = add_gid(&found, gid, arena, err);
	}
	if (r == 0)
		*ret = found;
	return r;
}
