/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/roots.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define ROOTS_PARENT "/run/hcs"
#define ROOTS_DIR ROOTS_PARENT "/roots"
/* More than any machine has; a directory full of links is no reason to fill memory. */
#define ROOTS_MAX 4096

/* FNV-1a: names the link, and says nothing about what it leads to. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

void compute_roots_note(const char *path)
{
	char link[sizeof(ROOTS_DIR) + 32];

	if (path[0] != '/')
		return;
	(void)snprintf(link, sizeof(link), ROOTS_DIR "/%016" PRIx64, hash(path));
	if (symlink(path, link) == 0 || errno != ENOENT)
		return;
	(void)mkdir(ROOTS_PARENT, 0711);
	(void)mkdir(ROOTS_DIR, 0700);
	(void)symlink(path, link);
}

struct roots {
	char **items;
	size_t len;
};

static void roots_done(struct roots *roots)
{
	for (size_t i = 0; i < roots->len; i++)
		free(roots->items[i]);
	free(roots->items);
}

static int add(struct roots *roots, const char *path)
{
	char **items = realloc(roots->items, (roots->len + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	roots->items = items;
	items[roots->len] = strdup(path);
	return items[roots->len++] ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Only what this file would have written: other links there, or files, are left alone. */
static bool is_ours(const char *name, const char *path)
{
	char expected[32];

	(void)snprintf(expected, sizeof(expected), "%016" PRIx64, hash(path));
	return path[0] == '/' && strcmp(name, expected) == 0;
}

static int look_at(struct roots *roots, int dir_fd, const char *name)
{
	char path[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, path, sizeof(path) - 1);
	struct stat st;

	if (n < 0)
		return 0;
	path[n] = '\0';
	if (!is_ours(name, path))
		return 0;
	if (fstatat(dir_fd, name, &st, 0) == 0)
		return S_ISDIR(st.st_mode) && roots->len < ROOTS_MAX ? add(roots, path) : 0;
	if (errno == ENOENT || errno == ENOTDIR)
		(void)unlinkat(dir_fd, name, 0);
	return 0;
}

int compute_roots_list(char ***ret, size_t *ret_len, struct error *err)
{
	_cleanup_(roots_done) struct roots roots = { 0 };
	_cleanup_closedir_ DIR *dir = opendir(ROOTS_DIR);
	struct dirent *entry;

	*ret = NULL;
	*ret_len = 0;
	if (!dir)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open %s", ROOTS_DIR);
	while ((entry = readdir(dir)))
		if (look_at(&roots, dirfd(dir), entry->d_name) < 0)
			return error_oom(err);
	if (roots.len > 1)
		qsort(roots.items, roots.len, sizeof(*roots.items), by_name);
	*ret = TAKE_PTR(roots.items);
	*ret_len = roots.len;
	roots.len = 0;
	return 0;
}
