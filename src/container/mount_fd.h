/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Mounts as descriptors: a mount is opened or made detached, changed, and attached to a target that
 * is a descriptor too, so that no path is looked up twice. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "container/mount_options.h"

/* Detached copy of the mount at dir_fd/path ("": dir_fd itself), with the mounts below when
 * recursive. Descriptor or -errno. */
int mount_fd_clone(int dir_fd, const char *path, bool recursive);
/* The same for "/proc/PID/root/...": a mount of PID's mount namespace, which open_tree(2) copies only for
 * who is in that namespace; a child of the caller's, which must have one thread, goes there for it. No
 * link in the path is followed: it is that process's to make. Descriptor or -errno; -EINVAL: no such path. */
int mount_fd_clone_of_process(const char *path, bool recursive);
/* Changes attributes; nothing is called when both sets are empty. A flag locked by a more
 * privileged namespace is named in the message (-EPERM). 0 or -errno. */
int mount_fd_set(int fd, struct mount_attrs attrs, bool recursive, struct error *err);
/* Propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE. 0 or -errno. */
int mount_fd_propagate(int fd, uint64_t type, bool recursive, struct error *err);
/* Attaches a detached mount on what target_fd refers to. 0 or -errno. */
int mount_fd_attach(int fd, int target_fd, struct error *err);
/* The same on name in dir_fd, for a directory that nobody else can change yet. */
int mount_fd_attach_at(int fd, int dir_fd, const char *name, struct error *err);
/* Maps ids of a detached mount by the user namespace. 0 or -errno. */
int mount_fd_idmap(int fd, int userns_fd, bool recursive, struct error *err);
