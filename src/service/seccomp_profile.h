/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Seccomp profiles → linux.seccomp: the default one, and files in docker's format (archMap, includes,
 * excludes, minKernel) or OCI's. */
#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

struct seccomp_for {
	const char *arch; /* docker's name: "amd64"; see seccomp_native_arch */
	uint64_t caps;    /* granted to the container: bit n */
	unsigned kernel_major, kernel_minor;
};

const char *seccomp_native_arch(void);
/* Owned; NULL with err. */
json_t *seccomp_default(const struct seccomp_for *who, struct error *err);
/* The text of a file; -EINVAL names what is wrong in it. */
json_t *seccomp_from_profile(const char *text, const struct seccomp_for *who, struct error *err);
