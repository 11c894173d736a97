/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_table.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

/* 100,000 mounts (fs.mount-max) of usual length. */
#define MOUNTINFO_MAX ((size_t)32 * 1024 * 1024)

void mount_table_done(struct mount_table *table)
{
	free(table->items);
	free(table->text);
	*table = (struct mount_table){ 0 };
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* The kernel writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p;) {
		if (*p == '\\' && is_octal(p + 1)) {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
}

/* "id parent major:minor root point options [tags] - fstype source options" */
static bool parse_line(char *line, struct mount_entry *ret)
{
	char *end = strstr(line, " - "), *save = NULL, *field, *fstype;

	if (!end)
		return false;
	fstype = end + 3;
	fstype[strcspn(fstype, " ")] = '\0';
	*end = '\0';
	for (int i = 0; i < 5; i++) {
		field = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (!field)
			return false;
		if (i == 0)
			ret->id = (int)strtol(field, NULL, 10);
	}
	unescape(field);
	ret->point = field;
	ret->fstype = fstype;
	return true;
}

int mount_table_read(pid_t pid, struct mount_table *ret, struct error *err)
{
	_cleanup_mount_table_ struct mount_table table = { 0 };
	char path[40], *save = NULL;
	size_t len, lines = 1;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	r = file_read(AT_FDCWD, path, MOUNTINFO_MAX, &table.text, &len);
	if (r < 0)
		return error_sys(err, -r, "read %s", path);
	for (const char *p = table.text; (p = strchr(p, '\n')); p++)
		lines++;
	table.items = calloc(lines, sizeof(*table.items));
	if (!table.items)
		return error_oom(err);
	for (char *line = strtok_r(table.text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (parse_line(line, &table.items[table.len]))
			table.len++;
	*ret = table;
	table = (struct mount_table){ 0 };
	return 0;
}

const struct mount_entry *mount_table_find(const struct mount_table *table, int id)
{
	for (size_t i = 0; i < table->len; i++)
		if (table->items[i].id == id)
			return &table->items[i];
	return NULL;
}

bool mount_path_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1)
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}
