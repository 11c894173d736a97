/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which cgroup hierarchies this host has, where they are mounted and what they control. Found at
 * run time: a controller may be on v1 on one host, on v2 on the next, and on neither on a third. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum controller {
	CONTROLLER_CPU = 1u << 0,
	CONTROLLER_CPUACCT = 1u << 1,
	CONTROLLER_CPUSET = 1u << 2,
	CONTROLLER_MEMORY = 1u << 3,
	CONTROLLER_DEVICES = 1u << 4,
	CONTROLLER_FREEZER = 1u << 5,
	CONTROLLER_IO = 1u << 6, /* blkio on v1 */
	CONTROLLER_PIDS = 1u << 7,
	CONTROLLER_HUGETLB = 1u << 8,
	CONTROLLER_RDMA = 1u << 9,
	CONTROLLER_NET_CLS = 1u << 10,
	CONTROLLER_NET_PRIO = 1u << 11,
	CONTROLLER_PERF_EVENT = 1u << 12,
	CONTROLLER_MISC = 1u << 13,
	CONTROLLER_DMEM = 1u << 14,
};

struct hierarchy {
	unsigned controllers; /* of enum controller; 0: a named v1 hierarchy, or v2 without any */
	bool v2;
	bool absent; /* the container has no directory in it: rootless, or made without it */
	char *name;  /* last component of the mount point; "" for pure v2 */
	char *mountpoint;
	char *own;         /* this process's path in it, from /proc/self/cgroup */
	char *path;        /* the container's, below the mount point: begins with "/" */
	char *dir;         /* mountpoint and path */
	int dir_fd;        /* of dir, opened when first needed; -1 */
	int enter_fd;      /* `tasks` for writing; -1 */
	bool ready;        /* hierarchy_make has been here */
	bool early;        /* by cgroup_create_v2: a process may be in it already */
	unsigned made;     /* how many directories at the end of dir were made by us */
	unsigned refused;  /* v2: controllers that could not be enabled … */
	char *refused_at;  /* … in this directory … */
	int refused_errno; /* … for this reason */
};

/* Finds the mounted hierarchies: *ret is an array of *ret_len, freed by hierarchies_free.
 * *ret_unified says that the host has cgroup2 and nothing else. A host without cgroups gives an
 * empty array. Looks at the customary mount points first, since reading mountinfo costs
 * milliseconds where there are thousands of mounts. */
int hierarchies_find(struct hierarchy **ret, size_t *ret_len, bool *ret_unified, struct error *err);

/* The parsers behind it. hierarchies_parse_self: what /proc/self/cgroup lists, mount points unset.
 * hierarchies_parse_mountinfo: fills mount points that are unset. */
int hierarchies_parse_self(const char *text, struct hierarchy **ret, size_t *ret_len);
int hierarchies_parse_mountinfo(const char *text, struct hierarchy *h, size_t len);

void hierarchies_free(struct hierarchy *h, size_t len);

/* Bit of a controller by the name used in /proc/self/cgroup or cgroup.controllers, len bytes of it;
 * 0 when unknown. */
unsigned controller_from_name(const char *name, size_t len);
/* Name on v2 (io) or v1 (blkio) of one bit. */
const char *controller_name(unsigned bit, bool v2);
/* Bits of a list separated by commas, spaces or newlines. */
unsigned controllers_from_list(const char *list);
