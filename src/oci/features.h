/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The features document (runtime-spec features.md, features-linux.md). */

/* As indented JSON that the caller frees; NULL when memory runs out. */
char *oci_features(void);
