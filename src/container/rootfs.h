/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The container's file system, put together by its init inside a mount namespace of its own:
 * root (directory, or overlay of layers) → mounts → devices → pivot → masks, read-only.
 * All functions run in the init process (one thread) and in this order.
 */
#include <stdbool.h>

#include "base/error.h"
#include "container/layer_file.h"
#include "container/mounts.h"
#include "oci/spec.h"

struct cgroup;

struct rootfs {
	/* given by the caller */
	const struct oci_spec *spec;
	const struct mount_plan *mounts;
	const char *path;   /* absolute path of the root directory; unused with layers */
	const char *bundle; /* absolute: relative mount sources and layers start here */
	const struct cgroup
		*cgroup;           /* may be NULL: mounts of type cgroup are then read-only views */
	struct layer_mounts files; /* owned: of layers and a scratch that are files */
	bool userns;    /* in a new or joined user namespace: mknod cannot work, bind devices */
	bool new_netns; /* sysfs can be mounted only by the owner of the netns */
	bool new_cgroupns;
	bool no_pivot; /* MS_MOVE + chroot, for a root on initramfs */
	/* found and kept by rootfs_* */
	int root_fd;  /* O_PATH of the root mount, -1 before */
	int proc_fd;  /* a detached procfs of the container's pid namespace, known to be one */
	int null_fd;  /* O_PATH of the host's /dev/null, checked to be char 1:3 */
	int *late_ro; /* mounts that become read-only last: others were made inside them */
	size_t late_ro_len;
};

/* Descriptors -1, nothing allocated. */
void rootfs_init(struct rootfs *fs);
/* Closes the descriptors, frees the rest. */
void rootfs_done(struct rootfs *fs);
/* Makes a private procfs mount for writes to /proc that must land on a real procfs
 * (CVE-2019-16884, 2025-52881); sets proc_fd; does nothing when it is set. */
int rootfs_open_proc(struct rootfs *fs, struct error *err);
/* Propagation of "/", root attached, all mounts, devices and /dev links. The working directory is
 * then the root mount, not yet pivoted, so that createRuntime and createContainer hooks see it. */
int rootfs_setup(struct rootfs *fs, struct error *err);
/* pivot_root(".", ".") and the old root detached; or the no_pivot way. cwd is "/". */
int rootfs_pivot(struct rootfs *fs, struct error *err);
/* After the pivot: /dev/console bound to the terminal slave (checked to be that pts,
 * CVE-2025-52565); slave_fd is the descriptor of the pty opened from the container's /dev/ptmx. */
int rootfs_bind_console(struct rootfs *fs, int slave_fd, struct error *err);
/* After the pivot: masked paths (files by the real /dev/null, CVE-2025-31133; directories by one
 * shared read-only empty tmpfs), readonly paths, root read-only, root propagation. */
int rootfs_finish(struct rootfs *fs, struct error *err);
/* Opens a new pty pair of the container's devpts (after the pivot): O_CLOEXEC; checks
 * that /dev/ptmx is the devpts's by TIOCGPTPEER and device numbers. */
int rootfs_open_pty(struct rootfs *fs, int *ret_master, int *ret_slave, struct error *err);
