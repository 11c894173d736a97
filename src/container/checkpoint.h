/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Checkpoint and restore of a process tree by the criu program. Its images hold the processes; what
 * belongs to the host (bind mounts, namespaces given by path, pipes and files of init's stdio,
 * cgroups) is left out of them under names, and handed in under the same names at restore. The
 * names are runc's.
 */
#include <stdbool.h>

#include "base/error.h"
#include "container/container.h"

struct container_checkpoint {
	const char *program;     /* of criu_find */
	int image_fd, work_fd;   /* directories: of the images, of criu's log; borrowed */
	const char *parent_path; /* earlier images, relative to the image directory; may be NULL */
	bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks, pre_dump,
		auto_dedup, lazy_pages;
	const char *manage_cgroups_mode; /* soft full strict ignore; NULL: criu's default */
	int status_fd;                   /* gets a NUL when lazy pages can be fetched; -1: none */
	const char *page_server;         /* ADDRESS:PORT; may be NULL */
	const char *lsm_profile, *lsm_mount_context; /* restore; may be NULL */
};

/* The files that criu logs to in work_fd. */
#define CHECKPOINT_DUMP_LOG "dump.log"
#define CHECKPOINT_RESTORE_LOG "restore.log"

/* Dumps a running or paused container. Its processes end, unless leave_running or pre_dump; the
 * container itself (cgroup) stays. Refuses by JSON path what criu would bring back as something
 * else. */
int container_checkpoint(const struct container *c, const struct oci_spec *spec,
			 const struct container_checkpoint *options, struct error *err);

/* As container_create, with the processes of the images in the place of process: they run when this
 * returns. Of create spec, id, bundle, state_fd, cgroup_manager, rootless, console_sock and record
 * count; *ret_pidfd is init's, a child of the caller. Hooks prestart and createRuntime run when the
 * namespaces are there. On failure everything made is undone. */
int container_restore(const struct container_create *create,
		      const struct container_checkpoint *options, struct container *ret,
		      int *ret_pidfd, struct error *err);
