/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Digests of content as it goes by, over libcrypto. */
#include <stdint.h>
#include <stddef.h>

#include "base/error.h"

struct digest; /* one that is being made */

#define DIGEST_SIZE 136 /* "sha512:", 128 digits and the end */

/* like: a digest of the kind that is wanted ("sha512:…"), NULL: sha256. */
int digest_begin(const char *like, struct digest **ret, struct error *err);
void digest_free(struct digest *digest);
static inline void digest_freep(struct digest **digest)
{
	digest_free(*digest);
}
#define _cleanup_digest_ _cleanup_(digest_freep)
int digest_update(struct digest *digest, const void *data, size_t len, struct error *err);
/* "sha256:HEX" into ret. Ends it. */
int digest_end(struct digest *digest, char ret[DIGEST_SIZE], struct error *err);
