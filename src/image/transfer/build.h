/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Manifests and configurations that are made here. */
#include <jansson.h>

#include "image/transfer/ingest.h"

/* The descriptor of a layer in the store: its media type by how it begins, its size. Belongs to the
 * arena. */
int build_layer_descriptor(struct image_store *store, const char *digest, struct arena *arena,
			   struct image_descriptor *ret, struct error *err);
/* The digest of what a layer in the store unpacks to. Caller frees. */
int build_diff_id(struct image_store *store, const char *digest, char **ret, struct error *err);
/* Puts an OCI manifest of config and layers into the store. */
int build_manifest(struct image_store *store, const struct image_manifest *manifest,
		   struct image_descriptor *ret, struct error *err);
/* Now, as in RFC 3339. */
#define BUILD_TIME_SIZE 40
void build_time(char buf[BUILD_TIME_SIZE]);
/* What is read from fd becomes a blob. Caller frees. */
int build_layer(struct image_store *store, int fd, char **ret_digest, struct error *err);
/* One line of a Dockerfile (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL)
 * changes an image's "config". -EINVAL, also for other instructions, by name. */
int build_change(json_t *config, const char *line, struct error *err);
