/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Paths inside a root that someone else controls (an image, a container, a guest): always resolved
 * by openat2(RESOLVE_IN_ROOT) and handed on as descriptors, never as strings.
 */
#include <sys/types.h>

#include "base/error.h"

#define FD_PATH_MAX 32
/* "/proc/self/fd/N" into buf (FD_PATH_MAX bytes); for calls that want a path. Only where /proc is
 * the host's, never inside a container's root. Returns buf. */
char *fd_path(int fd, char *buf);

/* Opens path as seen from root_fd as "/": links and ".." stay inside, magic links are refused
 * (CVE-2024-21626). flags: open(2), O_CLOEXEC is added. Returns a descriptor or -errno. */
int path_open(int root_fd, const char *path, int flags);
/* As path_open, refusing any symbolic link on the way (-ELOOP) and crossing of mounts (-EXDEV): for
 * procfs, where anything else is an attack. */
int path_open_strict(int root_fd, const char *path, int flags);
/* Makes the missing directories of path inside the root, each with mode, and opens the last one
 * with O_PATH|O_DIRECTORY. Existing links are followed inside the root; a component swapped while
 * this runs cannot lead outside, since each step starts from the descriptor of the last
 * (CVE-2024-45310). Dangling links: the target is made, inside the root. */
int path_mkdirs(int root_fd, const char *path, mode_t mode, struct error *err);
/* Opens (O_PATH) the regular file path inside the root, made empty with its missing parents when
 * absent: a mount target. */
int path_make_file(int root_fd, const char *path, mode_t mode, struct error *err);
/* Opens (O_PATH|O_DIRECTORY) the parent of path inside the root, made when missing; *ret_name
 * points at the last component, inside path or a static "."; refuses ".." as the last. */
int path_make_parent(int root_fd, const char *path, mode_t mode, const char **ret_name,
		     char *name_buf, size_t name_size, struct error *err);
/* Lexically cleaned absolute path ("/a/./b//../c" → "/a/c"), never above "/"; caller frees, NULL on
 * OOM. */
char *path_clean(const char *path);
/* base joined with path unless path is absolute; caller frees, NULL on OOM. */
char *path_join(const char *base, const char *path);
