/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whose VM a container is to be in. */
#include "compute/system.h"
#include "oci/spec.h"

/* The id of the container that has it, or NULL: --host, the annotation io.hcs.host, or those that
 * containerd and CRI-O give a container of a pod. *ret_where: which of them, for messages. */
const char *pod_wanted(const struct compute_create *create, const struct oci_spec *spec,
		       const char **ret_where);
