/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.maskedPaths and linux.readonlyPaths. */
#include "base/error.h"

struct rootfs;

/* Covers masked paths and makes readonly paths read-only, after the pivot. Missing paths are left
 * out. 0 or -errno, the message naming the path. */
int masks_apply(struct rootfs *fs, struct error *err);
