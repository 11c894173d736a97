/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What an archive has, without unpacking it. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct archive_listed {
	const char *path; /* "/a/b", lexically clean; "/" for "."; borrowed */
	mode_t mode;      /* with its type */
	uint64_t size;
	bool whiteout; /* path has been removed: ".wh.NAME" in the archive */
	bool opaque;   /* what lower layers have in the directory path is hidden: ".wh..wh..opq" */
};

/* Calls entry for each in turn; a negative value from it ends the reading and is returned (err is
 * entry's to set). Names that leave the root are refused. Formats and limits as in archive_extract. */
int archive_list(int fd,
		 int (*entry)(const struct archive_listed *listed, void *data, struct error *err),
		 void *data, struct error *err);
