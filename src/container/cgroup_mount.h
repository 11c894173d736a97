/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Mounts of type cgroup: the container sees its own directory of each hierarchy and nothing above.
 */
#include "base/error.h"
#include "container/mount_step.h"

/* Executes a step of kind MOUNT_KIND_CGROUP, after the container has entered its cgroups and
 * namespaces. 0 or -errno. */
int cgroup_mount(struct rootfs *fs, const struct mount_step *step, struct error *err);
