/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What names content: OCI image-spec descriptor.md. */
#include <stdint.h>

#include "base/error.h"

#define IMAGE_LAYERS_MAX 127 /* Docker's */

struct image_descriptor { /* owned strings, or an arena's where it says so */
	char *media_type, *digest;
	uint64_t size;
};
int image_descriptor_copy(const struct image_descriptor *from, struct image_descriptor *ret,
			  struct error *err);
void image_descriptor_done(struct image_descriptor *descriptor);
#define _cleanup_image_descriptor_ _cleanup_(image_descriptor_done)
