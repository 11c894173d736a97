/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON → the plain structs of spec.h. Wrong types, ranges and words are refused by their JSON path
 * ("linux.resources.memory.limit: expected an integer"); unknown properties are ignored, as
 * runtime-spec "Extensibility" demands. null, and an empty string in a property of its own, count
 * as absent. Errors: -EINVAL; -EFBIG and -E2BIG past a limit; -ENOMEM. Safe in several threads. */
#include "base/error.h"
#include "oci/spec.h"

/* A config.json of this many bytes is still read; a longer one is refused. */
#define OCI_CONFIG_MAX ((size_t)16 * 1024 * 1024)

/* Parses a whole config.json. On success *ret owns everything until oci_spec_done. */
int oci_spec_parse(const char *text, size_t len, struct oci_spec *ret, struct error *err);

/* Frees what the spec owns. */
void oci_spec_done(struct oci_spec *spec);

/* Parses a `process` object (exec --process); memory from arena. */
int oci_process_parse(const char *text, size_t len, struct arena *arena, struct oci_process **ret,
		      struct error *err);

/* Parses a `linux.resources` object (update --resources); memory from arena. */
int oci_resources_parse(const char *text, size_t len, struct arena *arena,
			struct oci_resources **ret, struct error *err);

/* The value of an annotation, or NULL. */
const char *oci_annotation(const struct oci_spec *spec, const char *key);

#define _cleanup_oci_spec_ _cleanup_(oci_spec_done)
