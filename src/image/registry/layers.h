/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The layers of an image: several are fetched at once, and unpacked while others still come. */
#include "image/registry/session.h"
#include "image/transfer/ingest.h"

struct layers_wish {
	const struct image_manifest *manifest;
	const struct strv *diff_ids; /* as many as the manifest's layers */
	unsigned parallel;           /* downloads at once */
	const struct image_progress *progress;
};
int layers_fetch(struct session *session, struct image_store *store, const struct layers_wish *wish,
		 struct error *err);
