/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of oci_validate, one file each. All return 0, or -EINVAL with a message that begins
 * with the JSON path. */
#include "base/error.h"
#include "oci/spec.h"

/* validate_linux.c: namespaces, mappings, offsets, paths, devices and the other values of `linux`.
 */
int oci_validate_linux(const struct oci_spec *spec, struct error *err);
/* validate_mappings.c: one list of id mappings, named by where: sizes, overflow, overlap. */
int oci_validate_mappings(const struct oci_id_mappings *mappings, const char *where,
			  struct error *err);
/* validate_mappings.c: `linux`'s against the user namespace, and those of every mount. */
int oci_validate_all_mappings(const struct oci_spec *spec, struct error *err);

/* Whether the spec gives the container a namespace of this kind, new or by path. */
bool oci_has_namespace(const struct oci_spec *spec, enum oci_namespace_kind kind);
/* Whether that one is new. */
bool oci_has_new_namespace(const struct oci_spec *spec, enum oci_namespace_kind kind);
