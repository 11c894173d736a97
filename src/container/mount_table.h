/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The mounts of a process, from /proc/PID/mountinfo: paths as seen from its root. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct mount_entry {
	int id;
	const char *point, *fstype; /* in the table's text */
};

struct mount_table {
	struct mount_entry *items; /* owned, in mount order */
	size_t len;
	char *text;
};

int mount_table_read(pid_t pid, struct mount_table *ret, struct error *err);
void mount_table_done(struct mount_table *table);
/* NULL: not one of them. */
const struct mount_entry *mount_table_find(const struct mount_table *table, int id);
/* path is dir or below it; both cleaned. */
bool mount_path_below(const char *path, const char *dir);

#define _cleanup_mount_table_ _cleanup_(mount_table_done)
