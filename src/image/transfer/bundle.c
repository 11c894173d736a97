/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "archive/format.h"
#include "base/json.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/reference.h"

#define FILES_MAX ((size_t)100 * 1000)
#define LINKS_MAX 16
#define BUFFER ((size_t)1024 * 1024)
/* Less is not worth a progress bar. */
#define TOLD_FROM ((uint64_t)1024 * 1024)

/* "/blobs/sha256/HEX" → "sha256:HEX"; false for any other name. */
static bool digest_of_name(const char *name, char digest[STORE_NAME_SIZE])
{
	if (strncmp(name, "/blobs/", 7) != 0 || strlen(name) >= STORE_NAME_SIZE)
		return false;
	(void)snprintf(digest, STORE_NAME_SIZE, "%s", name + 7);
	if (!strchr(digest, '/'))
		return false;
	*strchr(digest, '/') = ':';
	return image_digest_valid(digest);
}

static int add_file(struct bundle *bundle, const char *name, struct bundle_file *file,
		    struct error *err)
{
	char buf[FORMAT_NAME_SIZE];

	if (bundle->len == FILES_MAX)
		return error_set(err, E2BIG, "more than %zu files", FILES_MAX);
	if (bundle->len == bundle->size) {
		size_t size = bundle->size ? bundle->size * 2 : 64;
		struct bundle_file *files = reallocarray(bundle->files, size, sizeof(*files));

		if (!files)
			return error_oom(err);
		bundle->files = files;
		bundle->size = size;
	}
	/* jansson's keys are UTF-8, and so are all names that a manifest could mention. */
	if (json_object_set_new(bundle->index, name, json_integer((json_int_t)bundle->len)) < 0)
		return error_set(err, EINVAL, "%s: not a name in UTF-8", format_name(name, buf));
	bundle->files[bundle->len++] = *file;
	*file = (struct bundle_file){ 0 };
	return 0;
}

static void file_done(struct bundle_file *file)
{
	free(file->digest);
	free(file->target);
}

static void tell(struct bundle *bundle, const char *which, uint64_t done, uint64_t of)
{
	char id[13];

	if (!bundle->progress || !bundle->progress->step || of < TOLD_FROM)
		return;
	(void)snprintf(id, sizeof(id), "%s", store_hex(which));
	bundle->progress->step(id, "Loading layer", done, of, bundle->progress->data);
}

/* The next piece of what is being read into the store; 1, 0 at the end. */
struct pieces {
	int (*next)(struct pieces *pieces, const void **ret, size_t *ret_len, int64_t *ret_offset,
		    struct error *err);
	struct format_reader *reader;
	int fd;
	char *buffer;
	int64_t offset;
};

static int piece_of_entry(struct pieces *pieces, const void **ret, size_t *ret_len,
			  int64_t *ret_offset, struct error *err)
{
	return format_reader_data(pieces->reader, ret, ret_len, ret_offset, err);
}

static int piece_of_file(struct pieces *pieces, const void **ret, size_t *ret_len,
			 int64_t *ret_offset, struct error *err)
{
	ssize_t n;

	do
		n = read(pieces->fd, pieces->buffer, BUFFER);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, errno, "read");
	*ret = pieces->buffer;
	*ret_len = (size_t)n;
	*ret_offset = pieces->offset;
	pieces->offset += n;
	return n > 0;
}

static int write_zeros(struct image_ingest *ingest, uint64_t n, struct error *err)
{
	static const char zeros[65536];
	int r = 0;

	while (n > 0 && r == 0) {
		size_t part = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

		r = image_ingest_write(ingest, zeros, part, err);
		n -= part;
	}
	return r;
}

static int copy_pieces(struct bundle *bundle, struct pieces *pieces, struct image_ingest *ingest,
		       const char *which, uint64_t size, struct error *err)
{
	/* What an earlier one left is not asked of a stream that cannot go back. */
	int r = image_ingest_restart(ingest, err);

	while (r == 0) {
		uint64_t at = image_ingest_offset(ingest);
		int64_t offset;
		const void *data;
		size_t len;

		r = pieces->next(pieces, &data, &len, &offset, err);
		if (r <= 0)
			break;
		r = (uint64_t)offset > at ? write_zeros(ingest, (uint64_t)offset - at, err) : 0;
		if (r == 0)
			r = image_ingest_write(ingest, data, len, err);
		if (r == 0 && which)
			tell(bundle, which, image_ingest_offset(ingest), size);
	}
	if (r == 0 && size > image_ingest_offset(ingest))
		r = write_zeros(ingest, size - image_ingest_offset(ingest), err);
	return r;
}

/* expected: NULL, or the digest it must have. *ret_digest is owned by the caller. */
static int ingest(struct bundle *bundle, struct pieces *pieces, const char *expected, uint64_t size,
		  char **ret_digest, struct error *err)
{
	struct image_ingest *ingest;
	int r = image_ingest_begin(bundle->store, expected, size, &ingest, err);

	if (r < 0)
		return r;
	if (!ingest) {
		*ret_digest = strdup(expected);
		return *ret_digest ? 0 : error_oom(err);
	}
	r = copy_pieces(bundle, pieces, ingest, expected, size, err);
	if (r < 0) {
		image_ingest_close(ingest);
		return r;
	}
	r = image_ingest_commit(ingest, ret_digest, err);
	return r < 0 ? r : store_strv_add(&bundle->brought, *ret_digest, err);
}

/* Of the oldest format, beside what counts. */
static bool is_needless(const char *name)
{
	const char *base = strrchr(name, '/') + 1;

	return strcmp(base, "VERSION") == 0 || strcmp(base, "json") == 0 ||
	       strcmp(name, "/repositories") == 0;
}

static int read_link(const char *name, const char *target, bool hard, struct bundle_file *file,
		     struct error *err)
{
	_cleanup_free_ char *joined = NULL;

	if (hard || *target == '/')
		joined = strdup(target);
	else if (asprintf(&joined, "%.*s/%s", (int)(strrchr(name, '/') - name), name, target) < 0)
		joined = NULL;
	file->target = joined ? path_clean(joined) : NULL;
	return file->target ? 0 : error_oom(err);
}

static int read_entry(struct bundle *bundle, struct format_reader *reader,
		      struct archive_entry *entry, struct error *err)
{
	struct pieces pieces = { .next = piece_of_entry, .reader = reader };
	const char *raw = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
	_cleanup_(file_done) struct bundle_file file = { 0 };
	_cleanup_free_ char *name = NULL;
	char expected[STORE_NAME_SIZE], buf[FORMAT_NAME_SIZE];
	int r;

	if (!raw || strlen(raw) >= PATH_MAX)
		return error_set(err, EBADMSG, "a file with no name, or too long a one");
	name = path_clean(raw);
	if (!name)
		return error_oom(err);
	if (hard || soft) {
		r = read_link(name, hard ? hard : soft, hard != NULL, &file, err);
	} else if (archive_entry_filetype(entry) != AE_IFREG || is_needless(name)) {
		return 0;
	} else {
		file.size = (uint64_t)archive_entry_size(entry);
		r = ingest(bundle, &pieces, digest_of_name(name, expected) ? expected : NULL,
			   file.size, &file.digest, err);
	}
	if (r == 0)
		r = add_file(bundle, name, &file, err);
	return r < 0 ? error_wrap(err, r, "%s", format_name(name, buf)) : 0;
}

static int read_archive(struct bundle *bundle, int fd, struct error *err)
{
	_cleanup_format_locale_ struct format_locale locale = { 0 };
	_cleanup_format_reader_ struct format_reader reader = { .fd = -1 };
	struct archive_entry *entry;
	int r = format_locale_enter(&locale, err);

	if (r == 0)
		r = format_reader_open(&reader, fd, NULL, err);
	while (r == 0) {
		r = format_reader_next(&reader, &entry, err);
		if (r <= 0)
			break;
		r = read_entry(bundle, &reader, entry, err);
	}
	return r;
}

int bundle_read(struct image_store *store, int fd, const struct image_progress *progress,
		struct bundle *ret, struct error *err)
{
	struct bundle bundle = { .store = store, .progress = progress, .dir = -1 };
	struct stat st;
	int r = image_ingest_hold(store, err);

	if (r < 0)
		return r;
	bundle.index = json_object();
	if (!bundle.index)
		return error_oom(err);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		bundle.dir = fd;
	else
		r = read_archive(&bundle, fd, err);
	if (r < 0) {
		bundle_done(&bundle);
		return r;
	}
	*ret = bundle;
	return 0;
}

void bundle_done(struct bundle *bundle)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int lock = store_lock(bundle->store, "lock", LOCK_EX, &ignored);

	/* Failing only leaves it for later. */
	if (lock >= 0 && bundle->brought.len)
		(void)store_doom(bundle->store, &bundle->brought, &ignored);
	(void)close_fd(lock);
	for (size_t i = 0; i < bundle->len; i++)
		file_done(&bundle->files[i]);
	free(bundle->files);
	json_decref(bundle->index);
	store_strv_done(&bundle->brought);
	*bundle = (struct bundle){ .dir = -1 };
}

/* From a directory, when it is wanted: name is cleaned, and looked up below it. */
static int fetch(struct bundle *bundle, const char *name, struct error *err)
{
	_cleanup_(file_done) struct bundle_file file = { 0 };
	_cleanup_free_ char *buffer = NULL;
	_cleanup_close_ int fd = path_open(bundle->dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct pieces pieces = { .next = piece_of_file, .fd = fd };
	char expected[STORE_NAME_SIZE], buf[FORMAT_NAME_SIZE];
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, fd < 0 ? -fd : errno, "%s", format_name(name, buf));
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s: no regular file", format_name(name, buf));
	buffer = pieces.buffer = malloc(BUFFER);
	if (!buffer)
		return error_oom(err);
	file.size = (uint64_t)st.st_size;
	r = ingest(bundle, &pieces, digest_of_name(name, expected) ? expected : NULL, file.size,
		   &file.digest, err);
	if (r == 0)
		r = add_file(bundle, name, &file, err);
	return r < 0 ? error_wrap(err, r, "%s", format_name(name, buf)) : 0;
}

const struct bundle_file *bundle_find(struct bundle *bundle, const char *name, struct error *err)
{
	_cleanup_free_ char *clean = path_clean(name);
	const char *at = clean;
	char buf[FORMAT_NAME_SIZE];

	if (!clean) {
		(void)error_oom(err);
		return NULL;
	}
	for (int links = 0; links < LINKS_MAX; links++) {
		const json_t *place = json_object_get(bundle->index, at);
		const struct bundle_file *file;

		if (!place && bundle->dir >= 0) {
			if (fetch(bundle, at, err) < 0)
				return NULL;
			place = json_object_get(bundle->index, at);
		}
		if (!place)
			return NULL;
		file = &bundle->files[json_integer_value(place)];
		if (file->digest)
			return file;
		at = file->target;
	}
	(void)error_set(err, ELOOP, "%s: too many links", format_name(name, buf));
	return NULL;
}

int bundle_text(struct bundle *bundle, const char *name, char **ret, size_t *ret_len,
		struct error *err)
{
	const struct bundle_file *file = bundle_find(bundle, name, err);

	if (!file)
		return err->code ? -err->code : -ENOENT;
	return image_store_blob(bundle->store, file->digest, IMAGE_DOCUMENT_MAX, ret, ret_len, err);
}

int bundle_need(struct bundle *bundle, const struct image_descriptor *descriptor, struct error *err)
{
	char name[STORE_NAME_SIZE];
	struct stat st;

	if (bundle->dir >= 0 &&
	    !bundle_find(bundle, store_blob_name(descriptor->digest, name), err) && err->code)
		return -err->code;
	if (fstatat(bundle->store->fd, store_blob_name(descriptor->digest, name), &st,
		    AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? error_set(err, ENOENT, "%s is not in the archive",
						   descriptor->digest)
				       : error_sys(err, errno, "%s", descriptor->digest);
	if ((uint64_t)st.st_size != descriptor->size)
		return error_set(err, EBADMSG, "%s: %llu bytes, where %llu are said",
				 descriptor->digest, (unsigned long long)st.st_size,
				 (unsigned long long)descriptor->size);
	return 0;
}
