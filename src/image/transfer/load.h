/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Images as archives: docker's (docker save) and OCI layouts, in tar files or, of OCI, as directories.
 * Each ends the hold of its handle (image_ingest_hold), and what came in vain goes with it. */
#include "image/transfer/ingest.h"

/* Loads every image of an archive (docker or OCI layout, plain, gzip or zstd) from fd; loaded is called
 * with each name, or id where there is none. platform as in image_index_choose, NULL: the host's. */
int image_load(struct image_store *store, int fd, const struct image_platform *platform,
	       const struct image_progress *progress, void (*loaded)(const char *name, void *data),
	       void *data, struct error *err);
/* Writes one archive that both docker load and OCI tools read (manifest.json, index.json, blobs/). */
int image_save(struct image_store *store, const char *const *names, size_t names_len, int fd,
	       struct error *err);
/* docker import: a root file system's tar (plain, gzip, zstd) becomes an image of one layer. changes:
 * Dockerfile lines (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL). */
int image_import(struct image_store *store, int fd, const char *name, const char *message,
		 const char *const *changes, size_t changes_len,
		 const struct image_platform *platform, char **ret_id, struct error *err);
/* docker commit: the image and one more layer, a tar with whiteouts read from fd. config: JSON members
 * that replace those of the image's configuration (borrowed, may be NULL). */
int image_commit(struct image_store *store, const struct image *base, int fd, const char *name,
		 const char *author, const char *message, json_t *config, char **ret_id,
		 struct error *err);
