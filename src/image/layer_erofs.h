/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A layer as a file system that a virtual machine reads by itself. */
#include "base/error.h"

#define LAYER_FOLDER "fs"
#define LAYER_EROFS "layer.erofs"

/* Makes LAYER_EROFS beside the unpacked layer LAYER_FOLDER in the directory dir, unless it is there: whole,
 * on the disk, or not at all. Who comes at the same time waits and finds it. -ENOENT also when mkfs.erofs
 * (erofs-utils) is not to be found. The bytes depend on the layer alone. -ENAMETOOLONG, err untouched: it has a
 * name of 255 bytes, which mkfs.erofs cannot write. */
int layer_erofs_make(int dir, struct error *err);
