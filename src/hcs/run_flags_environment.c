/* SPDX-License-Identifier: Apache-2.0 */
/* Variables and labels, from flags and from files. */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "hcs/run_flags.h"
#include "service/lists.h"

#define FILE_MAX ((size_t)1 << 20)
#define ENTRIES_MAX ((size_t)65536)

struct entries { /* items[] of text that something else owns */
	char **items;
	size_t len, size;
};

static int entries_add(struct entries *entries, char *item, struct error *err)
{
	if (entries->len == ENTRIES_MAX)
		return error_set(err, E2BIG, "more than %zu variables or labels", ENTRIES_MAX);
	if (entries->len == entries->size) {
		const size_t size = entries->size ? entries->size * 2 : 64;
		char **items = reallocarray(entries->items, size, sizeof(*items));

		if (!items)
			return error_oom(err);
		entries->items = items;
		entries->size = size;
	}
	entries->items[entries->len++] = item;
	return 0;
}

/* A name alone becomes NAME=VALUE of our own environment. 1: there is none. */
static int complete(char **item, bool keep_unset, struct arena *arena, struct error *err)
{
	const char *value;

	if (strchr(*item, '='))
		return 0;
	value = getenv(*item);
	if (!value)
		return keep_unset ? 0 : 1;
	*item = arena_printf(arena, "%s=%s", *item, value);
	return *item ? 0 : error_oom(err);
}

static int check_line(const char *path, const char *line, bool variables, struct error *err)
{
	const size_t name = strcspn(line, "=");

	if (name == 0)
		return error_set(err, EINVAL, "invalid %s file %s: no variable name on line '%s'",
				 variables ? "environment" : "label", path, line);
	for (size_t i = 0; i < name; i++)
		if (isspace((unsigned char)line[i]))
			return error_set(err, EINVAL,
					 "poorly formatted %s in %s: '%.*s' contains whitespaces",
					 variables ? "environment: variable" : "label", path,
					 (int)name, line);
	return 0;
}

/* The lines of a file that are not empty and no comments; they belong to arena. */
static int read_file(const char *path, bool variables, struct arena *arena, struct entries *entries,
		     struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *copy, *line, *save = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, FILE_MAX, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "open %s", path);
	if (memchr(text, '\0', len))
		return error_set(err, EINVAL, "%s: a NUL byte is in it", path);
	copy = arena_strndup(arena, text, len);
	if (!copy)
		return error_oom(err);
	if (strncmp(copy, "\xef\xbb\xbf", 3) == 0) /* what some editors begin UTF-8 with */
		copy += 3;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		r = check_line(path, line, variables, err);
		if (r == 0 && variables)
			r = complete(&line, false, arena, err);
		if (r == 0)
			r = entries_add(entries, line, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int environment_read(const struct flag_list *flags, const struct flag_list *files, bool keep_unset,
		     struct arena *arena, struct strv *ret, struct error *err)
{
	struct entries entries = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->len; i++)
		r = read_file(files->items[i], true, arena, &entries, err);
	for (size_t i = 0; r == 0 && i < flags->len; i++) {
		char *item = flags->items[i];

		if (!*item || *item == '=')
			r = error_set(err, EINVAL, "invalid environment variable: %s", item);
		else
			r = complete(&item, keep_unset, arena, err);
		if (r == 0)
			r = entries_add(&entries, item, err);
		else if (r == 1)
			r = 0;
	}
	if (r == 0)
		r = strv_append(arena, ret, entries.items, entries.len, err);
	free(entries.items);
	return r;
}

static int set_label(struct arena *arena, struct key_values *labels, const char *text,
		     const char *flag, struct error *err)
{
	const size_t len = strcspn(text, "=");
	char *key = arena_strndup(arena, text, len);

	if (!key)
		return error_oom(err);
	if (!len)
		return flag_invalid(err, flag, text, "a key is needed before \"=\"");
	return key_values_set(arena, labels, key, text[len] ? text + len + 1 : "", err);
}

int run_flags_environment(const struct run_flags *flags, struct container_config *config,
			  struct error *err)
{
	struct arena *arena = &config->arena;
	struct entries entries = { 0 };
	int r = environment_read(&flags->env, &flags->env_files, true, arena, &config->env, err);

	for (size_t i = 0; r == 0 && i < flags->label_files.len; i++)
		r = read_file(flags->label_files.items[i], false, arena, &entries, err);
	for (size_t i = 0; r == 0 && i < entries.len; i++)
		r = set_label(arena, &config->labels, entries.items[i], "--label-file", err);
	for (size_t i = 0; r == 0 && i < flags->labels.len; i++)
		r = set_label(arena, &config->labels, flags->labels.items[i], "--label", err);
	for (size_t i = 0; r == 0 && i < flags->annotations.len; i++)
		r = set_label(arena, &config->annotations, flags->annotations.items[i],
			      "--annotation", err);
	free(entries.items);
	return r;
}
