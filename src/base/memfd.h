/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text handed to another program as a sealed file in memory. */
#include <jansson.h>

#include "base/error.h"

/* The JSON value (taken) in a file that nobody can change any more, at its beginning. name: for
 * /proc. A close-on-exec descriptor or -errno. */
int memfd_of_json(const char *name, json_t *value, struct error *err);
