/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The file system of a scratch. */
#include <stdint.h>

#include "base/error.h"

/* Makes fd, an empty file that can be written, size_gb GiB large and an empty ext4 file system. The
 * second time for a size is a copy of what mkfs.ext4 made the first time, where root keeps caches. -ENOENT:
 * mkfs.ext4 (e2fsprogs) is not to be found. */
int scratch_ext4_make(int fd, uint64_t size_gb, struct error *err);
