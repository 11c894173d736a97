/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/ingest.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/digest.h"

#define BUFFER ((size_t)1024 * 1024)
/* Written back as it comes, so that the fsync(2) at the end finds little left to do. */
#define WRITE_BACK ((uint64_t)8 * 1024 * 1024)

struct image_ingest {
	struct image_store *store; /* borrowed */
	int fd;
	char name[STORE_NAME_SIZE]; /* below images/ */
	char *expected;             /* NULL: not known */
	uint64_t size, offset, started;
	struct digest *digest;
};

static int ingest_error(const struct image_ingest *ingest, const char *what, int code,
			struct error *err)
{
	return error_sys(err, code, "%s %s/%s", what, ingest->store->path, ingest->name);
}

static void ingest_free(struct image_ingest *ingest)
{
	if (!ingest)
		return;
	(void)close_fd(ingest->fd);
	digest_free(ingest->digest);
	free(ingest->expected);
	free(ingest);
}

void image_ingest_close(struct image_ingest *ingest)
{
	if (ingest && !ingest->expected && ingest->fd >= 0)
		(void)unlinkat(ingest->store->fd, ingest->name, 0);
	ingest_free(ingest);
}

int image_ingest_hold(struct image_store *store, struct error *err)
{
	if (store->hold >= 0)
		return 0;
	store->hold = store_lock(store, "gc", LOCK_SH, err);
	return store->hold < 0 ? store->hold : 0;
}

/* Is it in the store? Then it counts as new again: whoever wants it now may be killed too. */
static bool is_there(struct image_store *store, const char *digest)
{
	char name[STORE_NAME_SIZE];

	return utimensat(store->fd, store_blob_name(digest, name), NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Locks the file and sees whether it still is the one by its name: 1, or 0: open it again. */
static int lock_file(struct image_ingest *ingest, struct error *err)
{
	struct stat st;
	int r;

	do
		r = flock(ingest->fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0 || fstat(ingest->fd, &st) < 0)
		return ingest_error(ingest, "lock", errno, err);
	return st.st_nlink > 0;
}

static int open_anonymous(struct image_ingest *ingest, struct error *err)
{
	uint64_t number;

	for (;;) {
		int r;

		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return error_sys(err, errno, "a random number");
		(void)snprintf(ingest->name, sizeof(ingest->name), "tmp/ingest-%016llx",
			       (unsigned long long)number);
		ingest->fd = openat(ingest->store->fd, ingest->name,
				    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (ingest->fd < 0)
			return ingest_error(ingest, "make", errno, err);
		r = lock_file(ingest, err);
		if (r != 0)
			return r < 0 ? r : 0;
		ingest->fd = close_fd(ingest->fd);
	}
}

/* *ret_there: somebody else has fetched it meanwhile. */
static int open_known(struct image_ingest *ingest, bool *ret_there, struct error *err)
{
	(void)snprintf(ingest->name, sizeof(ingest->name), "ingest/%s",
		       store_hex(ingest->expected));
	for (;;) {
		int r;

		*ret_there = is_there(ingest->store, ingest->expected);
		if (*ret_there)
			return 0;
		ingest->fd = openat(ingest->store->fd, ingest->name,
				    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (ingest->fd < 0)
			return ingest_error(ingest, "open", errno, err);
		r = lock_file(ingest, err);
		if (r < 0)
			return r;
		/* Between our look and our lock it may have been finished, and begun again. */
		if (r > 0 && !is_there(ingest->store, ingest->expected))
			return 0;
		if (r > 0)
			(void)unlinkat(ingest->store->fd, ingest->name, 0);
		ingest->fd = close_fd(ingest->fd);
	}
}

/* Hashes what is there. */
static int take_up(struct image_ingest *ingest, struct error *err)
{
	_cleanup_free_ char *buffer = NULL;
	int r = digest_begin(ingest->expected, &ingest->digest, err);
	struct stat st;

	if (r < 0)
		return r;
	if (fstat(ingest->fd, &st) < 0)
		return ingest_error(ingest, "look at", errno, err);
	ingest->offset = 0;
	if ((uint64_t)st.st_size > ingest->size)
		return image_ingest_restart(ingest, err);
	if (st.st_size == 0)
		return 0;
	buffer = malloc(BUFFER);
	if (!buffer)
		return error_oom(err);
	for (;;) {
		ssize_t n = pread(ingest->fd, buffer, BUFFER, (off_t)ingest->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ingest_error(ingest, "read", errno, err);
		if (n == 0)
			return 0;
		r = digest_update(ingest->digest, buffer, (size_t)n, err);
		if (r < 0)
			return r;
		ingest->offset += (uint64_t)n;
	}
}

int image_ingest_begin(struct image_store *store, const char *digest, uint64_t size,
		       struct image_ingest **ret, struct error *err)
{
	struct image_ingest *ingest;
	char buf[JSON_PRINTABLE_SIZE];
	bool there = false;
	int r;

	*ret = NULL;
	if (digest && !image_digest_valid(digest))
		return error_set(err, EINVAL, "%s is no digest", json_printable(digest, buf));
	r = image_ingest_hold(store, err);
	if (r < 0)
		return r;
	ingest = calloc(1, sizeof(*ingest));
	if (!ingest)
		return error_oom(err);
	*ingest = (struct image_ingest){ .store = store, .fd = -1, .size = size };
	if (digest) {
		ingest->expected = strdup(digest);
		r = ingest->expected ? open_known(ingest, &there, err) : error_oom(err);
	} else {
		r = open_anonymous(ingest, err);
	}
	if (r == 0 && !there)
		r = take_up(ingest, err);
	if (r < 0 || there) {
		image_ingest_close(ingest);
		return r;
	}
	*ret = ingest;
	return 0;
}

uint64_t image_ingest_offset(const struct image_ingest *ingest)
{
	return ingest->offset;
}

int image_ingest_restart(struct image_ingest *ingest, struct error *err)
{
	digest_free(TAKE_PTR(ingest->digest));
	if (ftruncate(ingest->fd, 0) < 0)
		return ingest_error(ingest, "empty", errno, err);
	ingest->offset = ingest->started = 0;
	return digest_begin(ingest->expected, &ingest->digest, err);
}

static int too_long(const struct image_ingest *ingest, struct error *err)
{
	return error_set(err, EFBIG, "content %s: longer than the %llu bytes that it should have",
			 ingest->expected ? ingest->expected : "without a name",
			 (unsigned long long)ingest->size);
}

int image_ingest_write(struct image_ingest *ingest, const void *data, size_t len, struct error *err)
{
	const char *from = data;

	if (len > ingest->size - ingest->offset)
		return too_long(ingest, err);
	while (len > 0) {
		ssize_t n = pwrite(ingest->fd, from, len, (off_t)ingest->offset);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ingest_error(ingest, "write", errno, err);
		r = digest_update(ingest->digest, from, (size_t)n, err);
		if (r < 0)
			return r;
		from += n;
		len -= (size_t)n;
		ingest->offset += (uint64_t)n;
	}
	if (ingest->offset - ingest->started >= WRITE_BACK) {
		(void)sync_file_range(ingest->fd, (off_t)ingest->started,
				      (off_t)(ingest->offset - ingest->started),
				      SYNC_FILE_RANGE_WRITE);
		ingest->started = ingest->offset;
	}
	return 0;
}

static int verify(struct image_ingest *ingest, char digest[DIGEST_SIZE], struct error *err)
{
	int r = digest_end(ingest->digest, digest, err);

	if (r < 0)
		return r;
	if (ingest->size != UINT64_MAX && ingest->offset != ingest->size)
		return error_set(err, EBADMSG, "content %s: %llu bytes instead of %llu",
				 ingest->expected ? ingest->expected : digest,
				 (unsigned long long)ingest->offset,
				 (unsigned long long)ingest->size);
	if (ingest->expected && strcmp(ingest->expected, digest) != 0)
		return error_set(err, EBADMSG,
				 "content %s: what came is not what was asked for: its digest is "
				 "%s",
				 ingest->expected, digest);
	return 0;
}

static int settle(struct image_ingest *ingest, const char *digest, struct error *err)
{
	char name[STORE_NAME_SIZE], dir[STORE_NAME_SIZE];

	(void)store_blob_name(digest, name);
	(void)snprintf(dir, sizeof(dir), "blobs/%.6s", digest);
	/* A power failure after the rename must not find it empty. */
	if (fsync(ingest->fd) < 0)
		return ingest_error(ingest, "write", errno, err);
	if (renameat(ingest->store->fd, ingest->name, ingest->store->fd, name) < 0)
		return ingest_error(ingest, "rename", errno, err);
	return store_sync_directory(ingest->store, dir, err);
}

int image_ingest_commit(struct image_ingest *ingest, char **ret_digest, struct error *err)
{
	char digest[DIGEST_SIZE];
	char *copy = NULL;
	int r = verify(ingest, digest, err);

	if (r == -EBADMSG)
		(void)unlinkat(ingest->store->fd, ingest->name, 0);
	if (r == 0)
		r = settle(ingest, digest, err);
	if (r == 0 && ret_digest) {
		copy = strdup(digest);
		if (!copy)
			r = error_oom(err);
	}
	if (r < 0) {
		image_ingest_close(ingest);
		return r;
	}
	if (ret_digest)
		*ret_digest = copy;
	ingest_free(ingest);
	return 0;
}

int image_ingest_blob(struct image_store *store, const void *data, size_t len, char **ret_digest,
		      struct error *err)
{
	_cleanup_digest_ struct digest *digest = NULL;
	char expected[DIGEST_SIZE];
	struct image_ingest *ingest;
	int r = digest_begin(NULL, &digest, err);

	if (r == 0)
		r = digest_update(digest, data, len, err);
	if (r == 0)
		r = digest_end(digest, expected, err);
	if (r == 0)
		r = image_ingest_begin(store, expected, len, &ingest, err);
	if (r < 0)
		return r;
	if (!ingest) {
		if (!ret_digest)
			return 0;
		*ret_digest = strdup(expected);
		return *ret_digest ? 0 : error_oom(err);
	}
	r = image_ingest_restart(ingest, err);
	if (r == 0)
		r = image_ingest_write(ingest, data, len, err);
	if (r < 0) {
		image_ingest_close(ingest);
		return r;
	}
	return image_ingest_commit(ingest, ret_digest, err);
}
