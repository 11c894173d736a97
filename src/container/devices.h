/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Device nodes of the container and the links that the spec wants in /dev. */
#include "base/error.h"

struct rootfs;

/* linux.devices, the default devices, and /dev/fd, stdin, stdout, stderr, ptmx. Does nothing where
 * a bind is on /dev: what is bound is the container's /dev, and not ours to change. umask must be
 * 0. Runs before the pivot. 0 or -errno, the message naming the device. */
int devices_make(struct rootfs *fs, struct error *err);
