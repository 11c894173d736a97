/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images on this machine: a content store keyed by digest, names that point into it, and layers
 * unpacked once each. Below the data root:
 *
 *   images/blobs/sha256/HEX       manifests, indexes, configurations, layers as they were fetched
 *   images/ingest/HEX             what is being fetched (flock(2) by who fetches); resumed later
 *   images/names.json             name → descriptor; replaced by rename under images/lock
 *   images/layers/HEX/size        bytes that the files of a layer have together
 *   images/layers/HEX/fs          a layer (by diff id) unpacked as a directory for overlayfs: whiteouts
 *                                 are 0/0 devices, opaque directories have trusted.overlay.opaque
 *   images/layers/HEX/layer.erofs the same as a read-only file system, made at its first use in a VM
 *   images/pins/CONTAINER         id of the image a container was made from: kept though unnamed
 *   images/gc                     lock of adding and collecting; in it what the next collection removes
 *   images/tmp/                   whatever is being made; what nobody holds locked is garbage
 *
 * A blob or layer is there whole or not at all (rename(2) after fsync(2)). What adds holds images/gc
 * shared, what removes holds it exclusively, so neither can meet the other half-way. Any process may
 * be killed at any instant. Safe for many processes; for threads on one handle where it
 * is said (transfer/ingest.h).
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "image/config.h"
#include "image/descriptor.h"
#include "oci/spec.h"

struct image_store;

/* root: the data root ("/var/lib/hcs"); made with 0711 when it is not there. */
int image_store_open(const char *root, struct image_store **ret, struct error *err);
void image_store_close(struct image_store *store);
static inline void image_store_closep(struct image_store **store)
{
	image_store_close(*store);
}
#define _cleanup_image_store_ _cleanup_(image_store_closep)
/* Directory images/, borrowed. */
int image_store_fd(const struct image_store *store);

struct image {
	char *id;     /* digest of the configuration: "sha256:…" */
	char **names; /* full names ("docker.io/library/debian:12"), sorted */
	size_t names_len;
	char **repo_digests; /* "docker.io/library/debian@sha256:…" as fetched */
	size_t repo_digests_len;
	struct image_descriptor manifest; /* of the platform that was chosen */
	struct image_descriptor target;   /* what the name refers to: an index, or the manifest */
	struct image_descriptor *layers;  /* blobs, lowest first, as many as config.diff_ids */
	size_t layers_len;
	uint64_t size; /* bytes that the layers have unpacked */
	time_t fetched;
	struct image_config config;
};
void image_done(struct image *image);
#define _cleanup_image_ _cleanup_(image_done)

/* By name, by id ("sha256:…"), or by the beginning of an id in hex (>= 1 digit; -ENOTUNIQ when several
 * begin so). platform NULL: any. -ENOENT: "No such image: x:latest". */
int image_store_find(struct image_store *store, const char *name,
		     const struct image_platform *platform, struct image *ret, struct error *err);
/* All, newest first; unnamed ones (replaced by a newer pull of their name) too. Caller: image_done
 * each, free. */
int image_store_list(struct image_store *store, struct image **ret, size_t *ret_len,
		     struct error *err);
/* Lets name refer to the image (by its target), replacing what it referred to. */
int image_store_tag(struct image_store *store, const struct image *image, const char *name,
		    struct error *err);
/* Removes a name, or with an id the image under all its names (-EBUSY: several names and not force; a
 * container's pin and not force). Blobs and layers that nothing refers to any more go with it. What was
 * done is told in turn by report: ("Untagged", "debian:12"), ("Deleted", "sha256:…"). */
int image_store_remove(struct image_store *store, const char *name, bool force,
		       void (*report)(const char *what, const char *which, void *data), void *data,
		       struct error *err);
/* Keeps an image for a container (durable: also through a power cut, which a container that is removed at
 * its end does not outlive); unpin: no error when there is none. */
int image_store_pin(struct image_store *store, const char *container, const char *image_id,
		    bool durable, struct error *err);
int image_store_unpin(struct image_store *store, const char *container, struct error *err);

/* Removes what nothing refers to and nobody has touched for seconds: what killed commands left, what
 * remains of transfers that were broken off and could still be taken up. image_store_remove does it
 * with a day. While something is being added nothing is done; whoever adds does it at his end. */
int image_store_collect(struct image_store *store, unsigned seconds, struct error *err);

/* What a blob holds, at most max bytes (-EFBIG); caller frees. */
int image_store_blob(struct image_store *store, const char *digest, size_t max, char **ret,
		     size_t *ret_len, struct error *err);

/* The layers as directories, topmost first, absolute paths; items[len] is NULL; caller frees each and
 * the list. They end with one whose root is opaque: overlayfs does not look for that at a root. Those not yet unpacked are -ENODATA: pull and load unpack them (transfer/). */
int image_store_folders(struct image_store *store, const struct image *image, char ***ret,
			size_t *ret_len, struct error *err);
/* The layers as erofs images, topmost first; made here (mkfs.erofs) where they are missing. An empty
 * layer has one too; of one with a name of 255 bytes, which mkfs.erofs cannot write, the folder is given
 * instead. Two callers at once make each once. */
int image_store_erofs(struct image_store *store, const struct image *image, char ***ret,
		      size_t *ret_len, struct error *err);
