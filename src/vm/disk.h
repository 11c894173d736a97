/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk as QEMU's block layer is told of it. QEMU can open nothing by itself: every file is in a set of
 * descriptors (-add-fd) whose number is the descriptor's. */
#include <stddef.h>

#include "base/error.h"
#include "vm/settings.h"

#define DISK_TEXT 256

/* The argument of -blockdev for a disk, as node "diskINDEX". *ret_map: a file more that it needs beside
 * its extents, to be in a set too and owned by the caller; -1: none. */
int disk_blockdev(const struct vm_disk *disk, size_t index, char buf[DISK_TEXT], int *ret_map,
		  struct error *err);
