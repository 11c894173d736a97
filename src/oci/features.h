/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The features document (runtime-spec features.md, features-linux.md). */

#include "oci/spec.h"

/* As indented JSON that the caller frees; NULL when memory runs out. annotations are added to those
 * of the document; may be NULL. */
char *oci_features(const struct key_values *annotations);
