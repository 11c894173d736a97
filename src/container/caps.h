/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Capabilities (capabilities(7)): from names to sets, and onto the calling thread. */
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

struct caps {
	uint64_t bounding, effective, inheritable, permitted, ambient; /* bit n: capability n */
};

/* From process.capabilities (NULL: none at all). where: JSON path, for a name that is unknown.
 * A known capability that this kernel lacks is dropped from the sets, as runc does. */
int caps_parse(const struct oci_capabilities *oci, const char *where, struct caps *ret,
	       struct error *err);
/* One name, with or without CAP_, any case → number, or -EINVAL. */
int caps_number(const char *name);
/* Number → "CAP_CHOWN", NULL when unknown. Static. */
const char *caps_name(unsigned number);
/* Takes out of the sets what caps_apply could not set on the calling thread: permitted and
 * inheritable that it does not have itself, effective that is not permitted, ambient that is not
 * both permitted and inheritable. *ret_removed: all that was taken out, for the
 * caller to warn of: runtime-spec config.md#process says that a capability that cannot be granted
 * "MUST be logged as a warning" and "SHOULD NOT fail". 0 or -errno. */
int caps_limit(struct caps *caps, uint64_t *ret_removed, struct error *err);
/* Drops from the bounding set what caps does not have; needs CAP_SETPCAP, unless all that is to go
 * has gone. One prctl for each capability that is not in caps. */
int caps_drop_bounding(const struct caps *caps, struct error *err);
/* Keeps permitted capabilities over the coming setuid (PR_SET_KEEPCAPS). */
int caps_keep(struct error *err);
/* Sets permitted, effective, inheritable and ambient, exactly; refuses by name what the calling
 * thread cannot have. extra: capabilities that stay effective and permitted for the moment (loading
 * seccomp needs CAP_SYS_ADMIN), 0 for none; caps_drop_extra takes them away. */
int caps_apply(const struct caps *caps, uint64_t extra, struct error *err);
/* Takes away what caps_apply left for the moment. A single capset(2): the filter that was loaded in
 * between may not allow prctl(2). */
int caps_drop_extra(const struct caps *caps, struct error *err);
