/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Content on its way into the store: written piece by piece, hashed as it comes, there under its digest
 * only when every byte is and the digest is right. What a killed process left is taken up again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "image/manifest.h"
#include "image/store.h"

struct image_ingest;

/* Begins, or takes up, a blob. size: what it must have, UINT64_MAX: not known. Waits (flock) while
 * another process fetches the same one. *ret NULL and 0: it is in the store already. digest NULL: not
 * known beforehand (import, commit). */
int image_ingest_begin(struct image_store *store, const char *digest, uint64_t size,
		       struct image_ingest **ret, struct error *err);
/* Bytes that are there already (hashed again): where to go on. */
uint64_t image_ingest_offset(const struct image_ingest *ingest);
/* Forgets them: whoever sends cannot go on in the middle. */
int image_ingest_restart(struct image_ingest *ingest, struct error *err);
/* -EFBIG: more than size. -ENOSPC: what is there stays for later. */
int image_ingest_write(struct image_ingest *ingest, const void *data, size_t len,
		       struct error *err);
/* -EBADMSG: the digest or the size is wrong, by name; what was written is removed. *ret_digest (may be
 * NULL): owned by the caller. Durable on return. Closes it, whatever comes of it. */
int image_ingest_commit(struct image_ingest *ingest, char **ret_digest, struct error *err);
/* Without commit: what was written stays to be taken up, unless digest was NULL. */
void image_ingest_close(struct image_ingest *ingest);
/* A whole blob at once. */
int image_ingest_blob(struct image_store *store, const void *data, size_t len, char **ret_digest,
		      struct error *err);

/* Keeps the store from being cleaned while something is added whose name is not written yet: shared
 * lock. Close to end. All of the transfer takes it by itself; who takes it first may ingest and unpack in
 * several threads on one handle, each its own content. */
int image_ingest_hold(struct image_store *store, struct error *err);

/* What is told of a transfer as it goes; calls come from several threads never at once. */
struct image_progress {
	/* which: short id of a layer or NULL; what: "Downloading", "Extracting", "Pull complete", …;
	 * of: 0 when not known */
	void (*step)(const char *which, const char *what, uint64_t done, uint64_t of, void *data);
	void *data;
};

/* Unpacks the layer blob (media type says how it is packed) as layers/HEX; diff_id is verified against
 * the unpacked bytes, as it is written. Nothing to do when it is there; two at once do it once. */
int image_unpack_layer(struct image_store *store, const struct image_descriptor *layer,
		       const char *diff_id, const struct image_progress *progress,
		       const char *which, struct error *err);

/* Checks that all of an image is there (manifest, configuration, layers, unpacked), and lets name refer
 * to it. target: what the name was resolved to (index or manifest); manifest: that of the platform.
 * repo_digest: "name@sha256:…" or NULL. name NULL: unnamed. */
int image_store_add(struct image_store *store, const char *name,
		    const struct image_descriptor *target, const struct image_descriptor *manifest,
		    const char *repo_digest, struct error *err);
