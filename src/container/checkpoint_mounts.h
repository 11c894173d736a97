/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The container's mounts that show something of the host's: binds, bound devices, masks by
 * /dev/null, cgroup directories. criu leaves their content out ("external" mounts) under the path
 * where they are, and mounts at restore what is named then. Which spec mount each came from is kept
 * in the images as mounts.json: the source may be another one by then.
 */
#include "base/error.h"
#include "container/cgroup/cgroup.h"
#include "container/container.h"
#include "container/criu_message.h"
#include "container/mount_plan.h"
#include "container/mount_table.h"

/* Names them to criu, and keeps the names in image_fd. */
int checkpoint_mounts_dump(const struct container *c, const struct oci_spec *spec,
			   const struct mount_table *table, int image_fd, struct criu_message *opts,
			   struct error *err);
/* Names what to mount instead. cgroup: of the container being restored, NULL: none. */
int checkpoint_mounts_restore(const struct mount_plan *plan, const char *bundle,
			      const struct cgroup *cgroup, int image_fd, struct criu_message *opts,
			      struct error *err);
/* Makes what mounts go on, where the root or a bind's source lacks it (a root made anew from an
 * image does). root_fd: of the root. */
int checkpoint_mounts_make_targets(const struct mount_plan *plan, const char *bundle, int root_fd,
				   struct error *err);
