/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The plain structs of spec.h → JSON: the inverse of parse.h, by the same tables. Integers beyond
 * int64 are marked as base/json_tree.h has it: the text for parse.h comes from json_tree_text.
 * The object is owned; NULL with err set: EILSEQ for text that is not UTF-8, by its JSON path. */
#include <jansson.h>

#include "base/error.h"
#include "oci/spec.h"

/* What oci_process_parse reads as process again. */
json_t *oci_process_json(const struct oci_process *process, struct error *err);
/* What oci_resources_parse reads as resources again. */
json_t *oci_resources_json(const struct oci_resources *resources, struct error *err);
