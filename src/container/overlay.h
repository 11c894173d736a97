/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A root made of layers: windows.layerFolders, the topmost read-only layer first, the scratch last.
 */
#include "base/error.h"

struct rootfs;

/* Assembles the overlay in the current mount namespace and attaches it on the scratch directory
 * there (that of a file: on the first layer), so that nothing of it remains on the host. Upper and work directories are `upper` and
 * `work` in the scratch, made when missing. Descriptor of the mount or -errno. */
int overlay_mount(struct rootfs *fs, struct error *err);
