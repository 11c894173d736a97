/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The container's first process, from the clone to execve. */
#include "container/container.h"
#include "container/mounts.h"
#include "container/namespaces.h"
#include "container/process.h"
#include "container/rootfs.h"

/* What the child inherits; the runtime filled it in before the clone. */
struct init {
	const struct container_create *create;
	const struct container *container;
	const struct namespace_plan *namespaces;
	struct process_plan process;
	struct rootfs fs;
	struct cgroup *cgroup;
	int sync, runtime_sync; /* own end, and the copy of the runtime's, to be closed */
	int listen;             /* start socket, -1: START comes over sync */
	bool opens_cgroup;      /* its v1 directories are made while it is at work: see create.c */
	bool wait_go;           /* the runtime has something to do first: maps, cgroup, devices */
	bool new_userns, new_mntns, any_join;
};

/* For namespace_spawn; data: struct init. */
_Noreturn void init_main(void *data);
