/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where a mount goes: descriptors resolved inside the root at the moment they are needed, since an
 * earlier mount may be the parent of a later one. */
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens path inside the root without following any symbolic link (-ELOOP); unlike path_open_strict
 * it crosses mounts, which is right for /proc/sys under a mounted /proc. Descriptor or -errno. */
int root_open_no_links(int root_fd, const char *path, int flags);
/* Opens (O_PATH) what a mount goes on: made with its parents when missing, as a directory or an
 * empty file. no_links: -ELOOP where a link is on the way or at the end. Descriptor or -errno. */
int mount_target_open(int root_fd, const char *path, bool directory, bool no_links,
		      struct error *err);
