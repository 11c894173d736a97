/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Scratches: what the last of windows.layerFolders may name in place of a directory. */
#include <stdint.h>

#include "base/error.h"

#define COMPUTE_SCRATCH_GB_DEFAULT 20
#define COMPUTE_SCRATCH_GB_MIN 1
#define COMPUTE_SCRATCH_GB_MAX 16383 /* a file of ext4 with blocks of 4 KiB is below 16 TiB */

/* Makes a file of size_gb GiB at path that holds an empty ext4 file system; only what the file system
 * itself needs, a few MiB, takes room. It appears at path whole, and durably, or not at all. -EEXIST:
 * something is there. -ENOENT: also when mkfs.ext4 (e2fsprogs) is not to be found. */
int compute_create_scratch(const char *path, uint64_t size_gb, struct error *err);
/* The same with what an overlay's upper directory holds, to the nanosecond and the attribute: a container
 * that had a directory as its scratch goes on with a file (directory: the "upper" of it). It must not change
 * meanwhile. Needs root and a loop device; -EIO with cp's words, also when it does not fit. */
int compute_create_scratch_from(const char *path, uint64_t size_gb, const char *directory,
				struct error *err);
