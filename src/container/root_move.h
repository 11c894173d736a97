/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The way to a new root where pivot_root(2) cannot work: the host's root is an initramfs. */
#include "base/error.h"

/* Moves the mount root_fd onto "/" and enters it with chroot(2); the working directory is its root.
 * Procfs and sysfs of the old root are taken away first, since they would be reachable unmasked
 * from below. 0 or -errno. */
int root_move(int root_fd, struct error *err);
