/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files in place of directories in windows.layerFolders: a layer that is an erofs image, a scratch with
 * an ext4 file system (as `create-scratch` makes).
 */
#include <stdbool.h>

#include "base/error.h"
#include "oci/spec.h"

/* Detached mounts of those of spec's layers that are files. */
struct layer_mounts {
	int *layers; /* owned, one a layer, topmost first; -1: a directory. NULL: no layer is a file */
	size_t len;
	int scratch; /* owned; -1: a directory */
};
#define LAYER_MOUNTS_INIT ((struct layer_mounts){ .scratch = -1 })
void layer_mounts_done(struct layer_mounts *mounts);

/* Mounts the files among spec's layers (relative to bundle). The loop devices behind them end with the
 * mounts. A scratch can be in one mount at a time (-EBUSY), and one that a VM has had is refused (-EPERM):
 * its guest may have written what is to attack the kernel that mounts it. To be called by a process that
 * the container's device rules do not bind; needs CAP_SYS_ADMIN in the host's user namespace. */
int layer_mounts_open(const struct oci_spec *spec, const char *bundle, struct layer_mounts *ret,
		      struct error *err);

/* Whether path (relative to bundle) is a regular file. */
bool layer_file_is(const char *bundle, const char *path);
/* Opens a layer to be read; checked to be a regular file that begins as an erofs image, of whole sectors. */
int layer_file_open(const char *bundle, const char *path, struct error *err);
/* Opens a scratch, locked for as long as anybody has the descriptor. */
int scratch_file_lock(const char *bundle, const char *path, struct error *err);
/* Marks a scratch: from now on a guest writes its blocks. */
int scratch_file_give(int scratch, struct error *err);
/* A detached mount of a scratch that no guest has had. */
int scratch_file_mount(int scratch, struct error *err);
