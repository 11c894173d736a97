/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "compute/system.h"

typedef int (*id_fn)(const struct compute_host *host, const char *id, const void *data,
		     struct error *err);

/* Calls fn for each container whose id matches the POSIX extended regular expression, all of them
 * also when one fails; then the first error is the result. Matching none is no error. */
int for_each_matching_id(const struct compute_host *host, const char *pattern, id_fn fn,
			 const void *data, struct error *err);
