/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Capabilities (capabilities(7)): from names to sets, and onto the calling thread. */
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

struct caps { uint64_t bounding, effective, inheritable, permitted, ambient; };

/* From process.capabilities (NULL: none at all). where: JSON path, for a name that is unknown.
 * A known capability that this kernel lacks is dropped from the sets, as runc does. */
int caps_parse(const struct oci_capabilities *oci, const char *where, struct caps *ret,
	       struct error *err);
/* One name, with or without CAP_, any case → number, or -EINVAL. */
int caps_number(const char *name);
/* Drops from the bounding set what caps does not have; needs CAP_SETPCAP. Reads
 * cap_last_cap once; a fast way that does not do 41 calls when nothing is to drop. */
int caps_drop_bounding(const struct caps *caps, struct error *err);
/* Keeps permitted capabilities over the coming setuid (PR_SET_KEEPCAPS). */
int caps_keep(struct error *err);
/* Sets permitted, effective, inheritable and ambient, exactly. extra: capabilities that stay
 * effective and permitted for the moment (loading seccomp needs CAP_SYS_ADMIN), 0 for none. */
int caps_apply(const struct caps *caps, uint64_t extra, struct error *err);
