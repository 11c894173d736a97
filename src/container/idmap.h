/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* User namespaces that do nothing but carry an id mapping, for idmapped mounts. */
#include "base/error.h"
#include "oci/spec.h"

/* A user namespace with these mappings, its descriptor or -errno. A child of the caller, which
 * exits with no signal, exists while this runs. */
int idmap_open(const struct oci_id_mappings *uids, const struct oci_id_mappings *gids,
	       struct error *err);
