/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Init's stdin, stdout and stderr where they are pipes or files of the host's: kept in the images
 * as descriptors.json, a list of the names under which criu is handed others at restore.
 */
#include "base/error.h"
#include "container/mount_table.h"
#include "container/criu_message.h"

/* Names them to criu, and keeps the names in image_fd. mounts: of the process pid. */
int checkpoint_stdio_dump(pid_t pid, const struct mount_table *mounts, int image_fd,
			  struct criu_message *opts, struct error *err);
/* Hands in the caller's in their place. */
int checkpoint_stdio_restore(int image_fd, struct criu_message *opts, struct error *err);
/* The message inherit_fd of rpc.proto. */
void checkpoint_inherit_fd(struct criu_message *opts, const char *key, int fd);
