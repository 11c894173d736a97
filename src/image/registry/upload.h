/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A blob from the store to a registry, unless it is there. */
#include "image/registry/session.h"

enum upload_result {
	UPLOAD_WAS_THERE,
	UPLOAD_MOUNTED, /* taken over from another repository of the same registry */
	UPLOAD_SENT,
};

/* source: a repository that may have it too, NULL: none. told: bytes that are sent, NULL: nobody wants
 * to know. */
int upload_blob(struct session *session, struct http *http, struct image_store *store,
		const struct image_descriptor *blob, const char *source,
		void (*told)(uint64_t done, void *data), void *data, enum upload_result *ret,
		struct error *err);
