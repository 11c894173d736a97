/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"

#include <limits.h>
#include <string.h>

#include "archive/node.h"
#include "base/path.h"

#define BYTES_DEFAULT ((uint64_t)1 << 40)
#define ENTRIES_DEFAULT ((uint64_t)10 * 1000 * 1000)
#define TELL_EVERY ((uint64_t)512 * 1024)

void extract_tell(struct extract *extract)
{
	/* What was read of a compressed archive, not what it became. */
	if (!extract->how->progress || extract->reader.read - extract->told < TELL_EVERY)
		return;
	extract->told = extract->reader.read;
	extract->how->progress(extract->told, extract->how->data);
}

/* Whoever packs decides the names: of a hostile guest they could be any of the directory's (CVE-2019-6111). */
int extract_check(const struct extract *extract, const char *name, struct error *err)
{
	_cleanup_free_ char *only = extract->how->only ? path_clean(extract->how->only) : NULL;
	size_t len = only ? strlen(only) : 0;
	char buf[FORMAT_NAME_SIZE];

	if (!extract->how->only)
		return 0;
	if (!only)
		return error_oom(err);
	if (len == 1 || (strncmp(name, only, len) == 0 && (!name[len] || name[len] == '/')))
		return 0;
	return error_set(err, EPERM, "archive: %s is not what was asked for",
			 format_name(name, buf));
}

static int extract_entry(struct extract *extract, struct archive_entry *entry, struct error *err)
{
	const char *raw = archive_entry_pathname(entry);
	_cleanup_free_ char *name = NULL;
	char buf[FORMAT_NAME_SIZE];
	int r = 0;

	if (!raw)
		return error_set(err, EBADMSG, "archive: an entry without a name");
	if (++extract->entries > extract->limits.entries)
		return error_set(err, E2BIG, "archive: more than %llu entries",
				 (unsigned long long)extract->limits.entries);
	if (strlen(raw) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "archive: %s: the name is too long",
				 format_name(raw, buf));
	name = path_clean(raw);
	if (!name)
		return error_oom(err);
	extract->tree.time =
		(struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
	r = extract_check(extract, name, err);
	if (r == 0 && extract->tree.overlay)
		r = whiteout_apply(extract, name, err);
	if (r == 0)
		r = node_make(extract, entry, name, err);
	extract_tell(extract);
	return r < 0 ? r : 0;
}

/* A layer's root, if it has no entry for it. */
static int expect_root(struct extract *extract, struct error *err)
{
	struct attributes plain = { .mode = 0755 };
	struct stat st;

	if (!extract->tree.overlay)
		return 0;
	if (fstat(extract->tree.root, &st) < 0)
		return error_sys(err, errno, "archive: the root");
	return tree_later(&extract->tree, "/", &st, &plain, err);
}

static int extract_all(int fd, const struct archive_source *source,
		       const struct archive_extract *how, uint64_t *ret_bytes, struct error *err)
{
	_cleanup_format_locale_ struct format_locale locale = { 0 };
	struct extract extract = {
		.how = how,
		.tree = TREE_INIT,
		.limits = { how->limits.bytes ? how->limits.bytes : BYTES_DEFAULT,
			    how->limits.entries ? how->limits.entries : ENTRIES_DEFAULT },
	};
	struct archive_entry *entry;
	int r = format_locale_enter(&locale, err);

	if (r < 0)
		return r;
	extract.tree.root = how->root;
	extract.tree.overlay = how->whiteout == ARCHIVE_WHITEOUT_OVERLAY;
	r = expect_root(&extract, err);
	if (r == 0)
		r = format_reader_open(&extract.reader, fd, source, err);
	while (r == 0) {
		r = format_reader_next(&extract.reader, &entry, err);
		if (r <= 0)
			break;
		r = extract_entry(&extract, entry, err);
	}
	if (r == 0)
		r = tree_finish(&extract.tree, err);
	if (r == 0 && how->progress)
		how->progress(extract.reader.read, how->data);
	if (r == 0 && ret_bytes)
		*ret_bytes = extract.bytes;
	tree_done(&extract.tree);
	format_reader_close(&extract.reader);
	return r;
}

int archive_extract(int fd, const struct archive_extract *how, uint64_t *ret_bytes,
		    struct error *err)
{
	return extract_all(fd, NULL, how, ret_bytes, err);
}

int archive_extract_from(const struct archive_source *source, const struct archive_extract *how,
			 uint64_t *ret_bytes, struct error *err)
{
	return extract_all(-1, source, how, ret_bytes, err);
}
