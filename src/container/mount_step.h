/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One mount of the plan, and its execution. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "container/mount_options.h"
#include "oci/spec.h"

struct rootfs;

enum mount_kind {
	MOUNT_KIND_FS, /* any file system without rules of its own */
	MOUNT_KIND_BIND,
	MOUNT_KIND_PROC,
	MOUNT_KIND_SYSFS,
	MOUNT_KIND_TMPFS,
	MOUNT_KIND_DEVPTS,
	MOUNT_KIND_MQUEUE,
	MOUNT_KIND_CGROUP, /* cgroup and cgroup2: what the host has decides */
};

struct mount_step {
	const struct oci_mount *mount; /* borrowed from the spec */
	size_t index;                  /* in spec.mounts */
	char *target;                  /* cleaned, absolute inside the root; in the plan's arena */
	enum mount_kind kind;
	struct mount_options options;
	/* No symbolic link may lead to the target: what the runtime itself relies on is mounted
	 * there (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642). */
	bool no_links;
	bool procfs_only; /* the source must turn out to be procfs */
	bool idmapped;
	int source_fd; /* detached mount opened by the parent, or -1 */
	int userns_fd; /* of the mount's own id mapping, or -1 */
};

/* Mounts one step inside fs->root_fd, in the container's mount namespace. The message does not name
 * the step: the caller does. 0 or -errno. */
int mount_step_run(struct rootfs *fs, const struct mount_step *step, struct error *err);
/* Detached mount of a bind's source with nothing applied to it yet: relative sources start at
 * bundle. Also used by the parent, for what only it may open. Returns a descriptor or -errno. */
int mount_step_open_source(const struct mount_step *step, const char *bundle, struct error *err);
