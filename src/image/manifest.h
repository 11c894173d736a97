/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Manifests and indexes: OCI image-spec manifest.md, image-index.md, and Docker's of the same kind. */
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "image/descriptor.h"
#include "image/platform.h"

#define MEDIA_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_LAYER "application/vnd.oci.image.layer.v1.tar" /* "+gzip", "+zstd" */
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

/* A manifest or index is at most so long; so is a configuration. */
#define IMAGE_DOCUMENT_MAX ((size_t)8 * 1024 * 1024)

/* An index or manifest list, by its media type? */
bool image_media_type_is_index(const char *media_type);

/* An image's manifest, OCI or Docker schema 2, checked: at most IMAGE_LAYERS_MAX layers. */
struct image_manifest {
	struct arena arena; /* owns all of the below */
	bool docker;        /* media types are Docker's */
	struct image_descriptor config;
	struct image_descriptor *layers; /* lowest first */
	size_t layers_len;
};
/* media_type: what whoever sent it says, NULL: not known. -EINVAL; -EPROTO: schema 1, with docker's
 * advice; -EPROTONOSUPPORT: not a container's image. */
int image_manifest_parse(const char *text, size_t len, const char *media_type,
			 struct image_manifest *ret, struct error *err);
void image_manifest_done(struct image_manifest *manifest);
#define _cleanup_image_manifest_ _cleanup_(image_manifest_done)

/* Of an index: the descriptor for the platform (NULL: the host's); attestations and unknown platforms
 * are left out. What it names may be an index again. -ENOENT names the platforms that there are. */
int image_index_choose(const char *text, size_t len, const struct image_platform *platform,
		       struct image_descriptor *ret, struct error *err);
