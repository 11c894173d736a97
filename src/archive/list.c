/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/list.h"

#include <limits.h>
#include <string.h>

#include "archive/format.h"
#include "base/path.h"

#define ENTRIES_MAX ((uint64_t)10 * 1000 * 1000)
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

/* Cuts a whiteout's own name: to the directory, or to what it removes. */
static void describe(char *path, struct archive_entry *entry, struct archive_listed *listed)
{
	char *base = strrchr(path, '/') + 1;

	*listed = (struct archive_listed){
		.path = path,
		.mode = archive_entry_mode(entry),
		.size = archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : 0,
	};
	if (strcmp(base, OPAQUE) == 0) {
		listed->opaque = true;
		base[base - 1 == path ? 0 : -1] = '\0';
	} else if (strncmp(base, WHITEOUT, strlen(WHITEOUT)) == 0) {
		listed->whiteout = true;
		memmove(base, base + strlen(WHITEOUT), strlen(base) - strlen(WHITEOUT) + 1);
	}
}

static int list_entry(struct archive_entry *entry,
		      int (*take)(const struct archive_listed *, void *, struct error *),
		      void *data, struct error *err)
{
	const char *raw = archive_entry_pathname(entry);
	_cleanup_free_ char *path = NULL;
	struct archive_listed listed;
	char buf[FORMAT_NAME_SIZE];

	if (!raw)
		return error_set(err, EBADMSG, "archive: an entry without a name");
	if (strlen(raw) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "archive: %s: the name is too long",
				 format_name(raw, buf));
	path = path_clean(raw);
	if (!path)
		return error_oom(err);
	describe(path, entry, &listed);
	return take(&listed, data, err);
}

int archive_list(int fd,
		 int (*entry)(const struct archive_listed *listed, void *data, struct error *err),
		 void *data, struct error *err)
{
	_cleanup_format_locale_ struct format_locale locale = { 0 };
	struct format_reader reader = { 0 };
	struct archive_entry *next;
	uint64_t entries = 0;
	int r = format_locale_enter(&locale, err);

	if (r == 0)
		r = format_reader_open(&reader, fd, NULL, err);
	if (r < 0)
		return r;
	while (r == 0) {
		r = format_reader_next(&reader, &next, err);
		if (r <= 0)
			break;
		if (++entries > ENTRIES_MAX)
			r = error_set(err, E2BIG, "archive: more than %llu entries",
				      (unsigned long long)ENTRIES_MAX);
		else
			r = list_entry(next, entry, data, err);
	}
	format_reader_close(&reader);
	return r;
}
