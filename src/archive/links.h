/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which files with several names an archive has already. */
#include <sys/stat.h>

#include "base/error.h"

struct links {
	struct link {
		dev_t dev;
		ino_t ino;
		char *name; /* NULL: an empty place */
	} * table;
	size_t len, size; /* size: 0 or a power of two */
};
void links_done(struct links *links);
/* *ret: the name under which the file was seen before, borrowed; NULL: now it is name. */
int links_seen(struct links *links, const struct stat *st, const char *name, const char **ret,
	       struct error *err);
