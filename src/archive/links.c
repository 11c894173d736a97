/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/links.h"

#include <stdint.h>
#include <string.h>

void links_done(struct links *links)
{
	for (size_t i = 0; i < links->size; i++)
		free(links->table[i].name);
	free(links->table);
	*links = (struct links){ 0 };
}

static struct link *find(struct links *links, dev_t dev, ino_t ino)
{
	/* Inode numbers are mostly counted up. */
	size_t i = (size_t)(((uint64_t)ino + (uint64_t)dev) * 0x9e3779b97f4a7c15U >> 32) &
		   (links->size - 1);

	while (links->table[i].name && (links->table[i].ino != ino || links->table[i].dev != dev))
		i = (i + 1) & (links->size - 1);
	return &links->table[i];
}

static int grow(struct links *links, struct error *err)
{
	struct links larger = { .len = links->len, .size = links->size ? links->size * 2 : 256 };

	larger.table = calloc(larger.size, sizeof(*larger.table));
	if (!larger.table)
		return error_oom(err);
	for (size_t i = 0; i < links->size; i++)
		if (links->table[i].name)
			*find(&larger, links->table[i].dev, links->table[i].ino) = links->table[i];
	free(links->table);
	*links = larger;
	return 0;
}

int links_seen(struct links *links, const struct stat *st, const char *name, const char **ret,
	       struct error *err)
{
	struct link *link;
	int r;

	*ret = NULL;
	if (links->len * 2 >= links->size) {
		r = grow(links, err);
		if (r < 0)
			return r;
	}
	link = find(links, st->st_dev, st->st_ino);
	if (link->name) {
		*ret = link->name;
		return 0;
	}
	*link = (struct link){ .dev = st->st_dev, .ino = st->st_ino, .name = strdup(name) };
	if (!link->name)
		return error_oom(err);
	links->len++;
	return 0;
}
