/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One entry of an archive becomes one file. */
#include "archive/format.h"
#include "archive/tree.h"

struct extract {
	const struct archive_extract *how;
	struct format_reader reader;
	struct tree tree;
	struct archive_limits limits; /* with the defaults */
	uint64_t bytes, entries;
	uint64_t told; /* bytes read when progress was called last */
};

/* Makes the file that the entry, called name ("/a/b", cleaned), describes. */
int node_make(struct extract *extract, struct archive_entry *entry, const char *name,
	      struct error *err);
/* Removes dir/base to make room; *ret: there was something that is no directory. A directory stays where
 * another is to come (*ret false). */
int node_make_room(struct extract *extract, const struct place *place, bool directory,
		   const char *name, bool *ret, struct error *err);

/* ".wh." names: 1: name was one and is done, or belongs to aufs and is left out; 0: it is none. */
int whiteout_apply(struct extract *extract, const char *name, struct error *err);

/* Is the cleaned name, or one that is linked to, within what was asked for? */
int extract_check(const struct extract *extract, const char *name, struct error *err);
/* Calls the progress function now and then. */
void extract_tell(struct extract *extract);
