/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An archive of images as what it holds: names of files, each in the store by now under its digest, or
 * still in a directory. Links are followed by name; nothing of it is ever a path on this machine.
 */
#include <stddef.h>

#include "image/transfer/ingest.h"

struct bundle_file {
	char *digest; /* NULL: a link */
	uint64_t size;
	char *target; /* of a link, cleaned: "/a/b" */
};

struct bundle {
	struct image_store *store;
	const struct image_progress *progress;
	int dir; /* borrowed; -1: it came as an archive */
	struct bundle_file *files;
	size_t len, size;
	json_t *index; /* cleaned name → place in files */
	struct strv
		brought; /* digests and diff ids that were not there before: perhaps garbage in the end */
};

/* Reads fd, an archive (tar; plain, gzip, zstd) or a directory, to its end. */
int bundle_read(struct image_store *store, int fd, const struct image_progress *progress,
		struct bundle *ret, struct error *err);
/* What nothing refers to goes with the next collection. */
void bundle_done(struct bundle *bundle);

/* A file by its name ("blobs/sha256/…"), brought into the store if it is not; NULL without err: there is
 * none. Borrowed. */
const struct bundle_file *bundle_find(struct bundle *bundle, const char *name, struct error *err);
/* Its text, at most IMAGE_DOCUMENT_MAX; -ENOENT (err untouched): none. Caller frees. */
int bundle_text(struct bundle *bundle, const char *name, char **ret, size_t *ret_len,
		struct error *err);
/* Demands that a blob is there, of this size. */
int bundle_need(struct bundle *bundle, const struct image_descriptor *descriptor,
		struct error *err);
