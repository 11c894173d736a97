/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How long a VM's agent may take for what it is asked. */
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

/* Milliseconds; 0: as long as it needs. */
struct request_times {
	uint32_t create, start; /* create: of the container, or of an exec's process */
};

/* By the configuration file, and the hooks of the spec that run in the guest. spec NULL: of an exec.
 * 0, or -errno of the file. */
int request_times_get(const struct oci_spec *spec, struct request_times *ret, struct error *err);
