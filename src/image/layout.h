/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The store from inside: its directories, locks and names.json. For src/image alone. */
#include <jansson.h>
#include <stdbool.h>

#include "image/manifest.h"
#include "image/store.h"

struct image_store {
	char *path; /* of images/, absolute */
	int fd;
	int hold; /* images/gc, locked shared; -1: not */
};

#define STORE_NAME_SIZE 192
/* "blobs/sha256/HEX" of a valid digest. Returns buf. */
const char *store_blob_name(const char *digest, char buf[STORE_NAME_SIZE]);
/* "layers/HEX" of a valid diff id. */
const char *store_layer_name(const char *diff_id, char buf[STORE_NAME_SIZE]);
/* The digits of a valid digest. */
const char *store_hex(const char *digest);

/* Waits for images/NAME and locks it; closing the descriptor lets go. operation: flock(2). -EWOULDBLOCK
 * (err untouched) with LOCK_NB. */
int store_lock(struct image_store *store, const char *name, int operation, struct error *err);
/* Lets go of what image_ingest_hold took, and collects what others could not meanwhile. */
void store_release(struct image_store *store);
/* Writes down, in images/gc, what the next collection is to remove however new it is, if nothing refers
 * to it: digests of blobs and diff ids. Under images/lock. */
int store_doom(struct image_store *store, const struct strv *digests, struct error *err);
/* Replaces images/NAME (of directory dir, below images/, "." for itself), durably. */
int store_replace(struct image_store *store, const char *dir, const char *name, const char *text,
		  struct error *err);
int store_sync_directory(struct image_store *store, const char *dir, struct error *err);

/* names.json: {"version": 1, "images": {ID: {"manifest": DESCRIPTOR, "target": DESCRIPTOR, "names": [],
 * "repoDigests": [], "fetched": seconds, "size": bytes}}}. */
struct names {
	json_t *root;   /* owned */
	json_t *images; /* its */
};
int names_load(struct image_store *store, struct names *ret, struct error *err);
/* Under images/lock. */
int names_save(struct image_store *store, const struct names *names, struct error *err);
void names_done(struct names *names);
#define _cleanup_names_ _cleanup_(names_done)
/* What the user calls an image. -ENOENT, -ENOTUNIQ, -EINVAL. *ret_id and *ret_record are names'; *ret_name
 * (may be NULL): the full name or repo digest by which it was found, owned by the caller, NULL where by id. */
int names_find(const struct names *names, const char *name, const char **ret_id,
	       json_t **ret_record, char **ret_name, struct error *err);
/* A member of a record; false when it is not there as it must be. */
bool names_descriptor(const json_t *record, const char *key, struct image_descriptor *ret_borrowed);
json_t *names_list(const json_t *record, const char *key);
bool names_list_has(const json_t *list, const char *text, size_t *ret_index);
/* {"mediaType", "digest", "size"}; NULL without memory. */
json_t *names_make_descriptor(const struct image_descriptor *descriptor);
/* Takes name from whichever record has it. */
void names_take(struct names *names, const char *name);

/* The containers that keep id: *ret their names, caller frees with store_strv_done. */
int store_pins(struct image_store *store, const char *id, struct strv *ret, struct error *err);
int store_strv_add(struct strv *list, const char *text, struct error *err);
void store_strv_done(struct strv *list);
#define _cleanup_strv_ _cleanup_(store_strv_done)
/* Reads and parses the manifest that a record names. */
int store_manifest(struct image_store *store, const struct image_descriptor *descriptor,
		   struct image_manifest *ret, struct error *err);
