/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A new file system instance by fsopen(2), with the kernel's own words when it refuses. */
#include <stdint.h>

#include "base/error.h"

/* Longest value that fsconfig(2) takes as a string. */
#define FS_CONTEXT_VALUE_MAX 255

/* Begins one; the descriptor is the caller's. -ENODEV names the missing type. */
int fs_context_open(const char *type, struct error *err);
/* One option, a flag when value is NULL. 0 or -errno, the message quoting the option. */
int fs_context_set(int fs_fd, const char *key, const char *value, struct error *err);
/* As fs_context_set with a descriptor as the value. */
int fs_context_set_fd(int fs_fd, const char *key, int value, struct error *err);
/* Makes the superblock and a detached mount of it with MOUNT_ATTR_* attrs: its descriptor, or
 * -errno. */
int fs_context_mount(int fs_fd, uint64_t attrs, struct error *err);
/* Applies the options set to the existing superblock (context by fspick(2)). */
int fs_context_reconfigure(int fs_fd, struct error *err);
