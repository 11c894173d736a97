/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From a registry into the store: manifests, and blobs of any size. */
#include "image/registry/session.h"
#include "image/transfer/ingest.h"

#define MANIFEST_MAX ((size_t)4 * 1024 * 1024)

struct fetched_manifest {
	struct image_descriptor descriptor; /* media type as the registry says it, checked */
	char *text;
	size_t len;
};
void fetched_manifest_done(struct fetched_manifest *manifest);
#define _cleanup_fetched_manifest_ _cleanup_(fetched_manifest_done)

/* reference: a tag or a digest. size: what it must have, UINT64_MAX: not known. familiar: the image, as
 * the user knows it. -ENOENT, -EACCES with docker's words. */
int fetch_manifest(struct session *session, struct http *http, struct image_store *store,
		   const char *reference, uint64_t size, const char *familiar,
		   struct fetched_manifest *ret, struct error *err);

/* Bytes of a blob that are here, some times a second; or, before a wait that a user notices, its
 * seconds. */
typedef void (*fetch_told_fn)(uint64_t done, unsigned wait_seconds, void *data);
/* *ret_fetched: false when it was there. Goes on where what was begun ends, also after failures. */
int fetch_blob(struct session *session, struct http *http, struct image_store *store,
	       const struct image_descriptor *blob, fetch_told_fn told, void *data,
	       bool *ret_fetched, struct error *err);
