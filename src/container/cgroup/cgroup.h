/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The container's cgroups, whatever the host has: v1, v2, or v1 controllers beside a cgroup2
 * mount; made by us (cgroupfs) or by systemd. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

enum cgroup_manager { CGROUP_CGROUPFS, CGROUP_SYSTEMD, CGROUP_DISABLED };

struct cgroup; /* opaque; made by cgroup_plan or cgroup_load, freed by cgroup_free */

struct cgroup_options {
	enum cgroup_manager manager;
	const char *
		path; /* linux.cgroupsPath: absolute, relative, or slice:prefix:name; may be NULL */
	const char *id;              /* of the container: default path and scope name */
	const struct oci_spec *spec; /* annotations for systemd properties */
	bool rootless; /* no rights are expected: what cannot be made is left out, unless a limit
			  asks for it */
};

/* Finds the hierarchies and works out paths; makes nothing. Refuses by JSON path a path with "..",
 * a slice name that is none, and resources that no controller here can honour. */
int cgroup_plan(const struct cgroup_options *options, const struct oci_resources *resources,
		struct cgroup **ret, struct error *err);
/* The same from what a state file kept: manager, cgroup_path() and cgroup_scope(). subpath: below
 * it, for `exec --cgroup` (may be NULL; "controller:path" on v1 as runc has it). */
int cgroup_load(enum cgroup_manager manager, const char *path, const char *scope,
		const char *subpath, struct cgroup **ret, struct error *err);
enum cgroup_manager cgroup_get_manager(const struct cgroup *cg);
/* The path below each hierarchy's mount point ("/x/y"), for the state file and features. */
const char *cgroup_path(const struct cgroup *cg);
/* Scope unit name, or NULL without systemd. */
const char *cgroup_scope(const struct cgroup *cg);

/* -EBUSY where processes are in a cgroup of that path. To be asked before the container is recorded:
 * whoever is in the cgroup of a record without an init is killed by the command that cleans up. */
int cgroup_check_unused(const struct cgroup *cg, struct error *err);
/* Makes the directories and applies resources, devices included. For systemd it only prepares:
 * the scope needs a process, see cgroup_attach. An existing cgroup with processes in it is refused
 * (-EBUSY), an existing empty one is used. Undoes what it made when it fails. */
int cgroup_create(struct cgroup *cg, const struct oci_resources *resources, struct error *err);
/* Only the cgroup2 directory, for cgroup_clone_fd: v1 directories can be made while the child is
 * already at work. cgroup_create makes the rest, and when it fails
 * leaves this one to cgroup_destroy. */
int cgroup_create_v2(struct cgroup *cg, const struct oci_resources *resources, struct error *err);
/* After cgroup_create: nothing could be made (an ordinary user without delegated cgroups), and
 * there is nothing to store, join or remove. */
bool cgroup_is_absent(const struct cgroup *cg);
/* A directory for CLONE_INTO_CGROUP, or -1 where there is no cgroup2 or systemd makes it later.
 * Borrowed. Pure v2 and v2 beside v1: cgroup_enter is needed either way and does what is left. */
int cgroup_clone_fd(struct cgroup *cg);
/* To be told when the clone with it failed and was done without: cgroup_attach does it then. */
void cgroup_clone_failed(struct cgroup *cg);
/* For exec, after cgroup_load: on cgroup2 a container that made cgroups of its own (systemd, nested
 * engines) has init in one of them and takes no process itself (EBUSY). From here on cg's v2 side
 * is where init is, if that is below. init: pid in the caller's namespace. */
int cgroup_follow(struct cgroup *cg, pid_t init, struct error *err);
/* Opens what cgroup_enter needs, in the parent before the clone. */
int cgroup_open_enter(struct cgroup *cg, struct error *err);
/* From the parent after the clone: systemd scope with pid in it and resources, v2 without clone_fd.
 * Does nothing where the child enters by itself. */
int cgroup_attach(struct cgroup *cg, pid_t pid, const struct oci_resources *resources,
		  struct error *err);
/* In the child, which has one thread: joins v1 hierarchies by writing 0 to the `tasks` descriptors
 * opened before. That way the kernel takes no cgroup_threadgroup_rwsem, whose first
 * writer waits for an RCU grace period (5–16 ms). All but the memory controller. */
int cgroup_enter(struct cgroup *cg, struct error *err);
/* In the child, last of all before it waits for start: joins the memory hierarchy, so that setting
 * up is not charged (a 512 KiB limit must do). On v2 nothing. */
int cgroup_enter_memory(struct cgroup *cg, struct error *err);
/* The descriptor that cgroup_enter_memory will need, -1: none. Borrowed. */
int cgroup_memory_fd(const struct cgroup *cg);
/* From the parent, when the child is ready: v2 limits too small to set up in (memory.max below
 * 16 MiB) are written now. */
int cgroup_finish(struct cgroup *cg, const struct oci_resources *resources, struct error *err);

/* For the mount of type cgroup: one entry a v1 hierarchy ("cpu,cpuacct", "systemd", …) or a single
 * one for v2 with name "". Strings belong to cg. */
struct cgroup_hierarchy {
	const char *name;       /* directory below /sys/fs/cgroup; "" for pure v2 */
	const char *mountpoint; /* on the host */
	const char *path;       /* of the container below it, begins with "/" */
	bool v2;
};
size_t cgroup_hierarchies(const struct cgroup *cg, const struct cgroup_hierarchy **ret);
/* Pure v2: the container's mount is cgroup2 itself. */
bool cgroup_is_unified(const struct cgroup *cg);

/* Changes limits of a running container; fields not set stay. In an order that kernel accepts
 * (memory and swap, quota and period); undone when a later one fails, as far as possible. */
int cgroup_update(struct cgroup *cg, const struct oci_resources *resources, struct error *err);
/* Freezes or thaws and waits until it is so (by inotify/poll on events, with a limit; never a sleep
 * loop where the kernel notifies). */
int cgroup_freeze(struct cgroup *cg, struct error *err);
int cgroup_thaw(struct cgroup *cg, struct error *err);
/* 1 frozen (or freezing), 0 not or no such cgroup. */
int cgroup_frozen(struct cgroup *cg);
/* The same from what the state keeps, without looking for hierarchies: `list` asks for 1,000.
 * freezer_dir is what cgroup_freezer_dir gave, absolute; NULL gives 0. */
int cgroup_frozen_at(const char *freezer_dir);
const char *cgroup_freezer_dir(const struct cgroup *cg);
/* All processes, below included; caller frees. */
int cgroup_pids(struct cgroup *cg, pid_t **ret, size_t *ret_len, struct error *err);
/* Signals every process in it, below included; SIGKILL by cgroup.kill where there is one, else by
 * freezing or repeating until none is left. */
int cgroup_signal_all(struct cgroup *cg, int sig, struct error *err);
/* Removes directories (children first) or stops the scope; waits for dying processes by poll on
 * cgroup.events / pidfds, at most timeout_ms. Absent ones are no error. */
int cgroup_destroy(struct cgroup *cg, int timeout_ms, struct error *err);

struct cgroup_stats; /* stats.h */
int cgroup_read_stats(struct cgroup *cg, struct cgroup_stats *ret, struct error *err);
/* A descriptor that becomes readable when an OOM kill may have happened (v1: eventfd on
 * memory.oom_control; v2: inotify on memory.events); read with cgroup_oom_count. */
int cgroup_oom_fd(struct cgroup *cg, struct error *err);
int cgroup_oom_count(struct cgroup *cg, uint64_t *ret, struct error *err);
/* Drains a descriptor of cgroup_oom_fd. 2: happened, before the kill is counted (v1), unless the
 * cgroup has gone; 1: the count tells (v2); 0: nothing. The cgroup being removed sets *ret_gone (v2; on v1 that wakes the descriptor too, and cgroup_oom_count gives -ENOENT). */
int cgroup_oom_drain(int fd, bool *ret_gone);

void cgroup_free(struct cgroup *cg);
static inline void cgroup_freep(struct cgroup **cg)
{
	if (*cg)
		cgroup_free(*cg);
}
#define _cleanup_cgroup_ _cleanup_(cgroup_freep)
