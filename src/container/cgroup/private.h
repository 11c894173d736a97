/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of this directory share: the cgroup object and access to its files. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "container/cgroup/cgroup.h"
#include "container/cgroup/hierarchy.h"

/* A file of a controller is never longer; memory.stat and io.stat are read whole through file_read.
 */
#define CGROUP_FILE_MAX ((size_t)4 * 1024 * 1024)

struct cgroup {
	enum cgroup_manager manager;
	bool unified; /* pure v2 */
	bool rootless;
	bool loaded; /* of a container that exists, as opposed to planned */
	bool cloned; /* the caller clones into the v2 directory: no attaching is needed */
	char *path;  /* of the container below each mount point; NULL when disabled */
	char *id;
	char *scope, *slice; /* systemd only */
	char *freezer_dir;
	const struct oci_spec *spec; /* borrowed; NULL when loaded */
	struct hierarchy *h;
	size_t n;
	struct cgroup_hierarchy *list; /* what cgroup_hierarchies shows */
};

/* --- cgroup.c --- */
/* The hierarchy with a controller where the container has a directory, or NULL. */
struct hierarchy *cgroup_find(const struct cgroup *cg, unsigned controller);
/* The cgroup2 hierarchy, pure or beside v1, where the container has a directory; or NULL. */
struct hierarchy *cgroup_find_v2(const struct cgroup *cg);
/* Gives every hierarchy, and the freezer, this path of the container. */
int cgroup_set_path(struct cgroup *cg, const char *path);
/* Of a loaded one: notes which hierarchies have no directory of the container, since it may have
 * been made without some. Costs system calls, so only those ask who need it. */
void cgroup_note_absent(struct cgroup *cg);
/* Descriptor of the container's directory, opened when first asked for. Borrowed; or -errno. */
int hierarchy_dir(struct hierarchy *h);
/* Reads a file of the container's directory, at most size - 1 bytes, without the last newline.
 * Length or -errno. */
ssize_t hierarchy_read(struct hierarchy *h, const char *file, char *buf, size_t size);
/* The same for a file named from another directory (AT_FDCWD and an absolute path too). */
ssize_t read_text(int dir_fd, const char *file, char *buf, size_t size);
/* One number; "max" is UINT64_MAX. 0 or -errno. */
int hierarchy_read_u64(struct hierarchy *h, const char *file, uint64_t *ret);

/* --- setting.c: writing limits --- */
/* What was there before each write, for undoing an update. */
struct journal;
struct journal *journal_new(void);
/* Writes back what was recorded, newest first, as far as the kernel lets us. */
void journal_undo(struct journal *journal);
void journal_free(struct journal *journal);

struct target {
	struct hierarchy *h;
	struct journal *journal; /* NULL: nothing is recorded (a fresh cgroup) */
	bool defer_small_memory; /* v2: a memory.max below CGROUP_SETUP_MEMORY is left to finish */
};

/* Writes value to a file of the cgroup. 0 or -errno, no message: for trying. */
int target_try(struct target *t, const char *file, const char *value);
/* The same for one line of a file keyed by device ("8:0"); reset is what undoes an absent line. */
int target_try_keyed(struct target *t, const char *file, const char *key, const char *value,
		     const char *reset);
/* As target_try with an error that names the property ("linux.resources.pids.limit"). */
int target_set(struct target *t, const char *property, const char *file, const char *value,
	       struct error *err);
int target_set_i64(struct target *t, const char *property, const char *file, int64_t value,
		   struct error *err);
/* -1 or less is written as word ("max" or "-1"). */
int target_set_limit(struct target *t, const char *property, const char *file, int64_t value,
		     const char *word, struct error *err);
int target_set_keyed(struct target *t, const char *property, const char *file, const char *key,
		     const char *value, const char *reset, struct error *err);
/* The message for a failed write. Returns r. */
int target_error(const struct target *t, const char *property, const char *file, const char *value,
		 int r, struct error *err);

/* --- apply.c: resources to controllers --- */
#define CGROUP_SETUP_MEMORY ((int64_t)16 * 1024 * 1024)
/* Refuses by JSON path what no controller here can honour. Makes nothing. */
int cgroup_check_resources(const struct cgroup *cg, const struct oci_resources *resources,
			   struct error *err);
/* Controllers that the resources need. */
unsigned cgroup_wanted(const struct oci_resources *resources);
/* Writes everything set. only: controllers to do (~0u: all). */
int cgroup_apply(struct cgroup *cg, const struct oci_resources *resources, unsigned only,
		 struct journal *journal, bool defer_small_memory, struct error *err);

/* --- v1.c, v1_io.c, v2.c, v2_io.c: one function a controller --- */
int v1_memory(struct target *t, const struct oci_resources *res, struct error *err);
int v1_cpu(struct target *t, const struct oci_resources *res, struct error *err);
int v1_io(struct target *t, const struct oci_resources *res, struct error *err);
int v1_hugetlb(struct target *t, const struct oci_resources *res, struct error *err);
int v1_net_cls(struct target *t, const struct oci_resources *res, struct error *err);
int v1_net_prio(struct target *t, const struct oci_resources *res, struct error *err);
int v1_devices(struct target *t, const struct oci_resources *res, struct error *err);
int v2_memory(struct target *t, const struct oci_resources *res, struct error *err);
/* memory.max alone, where it was put off. */
int v2_memory_finish(struct target *t, const struct oci_resources *res, struct error *err);
int v2_cpu(struct target *t, const struct oci_resources *res, struct error *err);
int v2_io(struct target *t, const struct oci_resources *res, struct error *err);
int v2_hugetlb(struct target *t, const struct oci_resources *res, struct error *err);
int v2_unified(struct target *t, const struct oci_resources *res, struct error *err);
/* The eBPF program for a directory of cgroup2; update replaces the one we attached before. */
int v2_devices(struct target *t, const struct oci_resources *res, struct error *err);
/* Same files on both. */
int any_cpuset(struct target *t, const struct oci_resources *res, struct error *err);
int any_pids(struct target *t, const struct oci_resources *res, struct error *err);
int any_rdma(struct target *t, const struct oci_resources *res, struct error *err);

/* --- directory.c --- */
/* Makes the container's directory in h with missing parents, and fits it out for use: cpuset filled
 * from the parents on v1, controllers enabled on v2. An existing one must be empty of processes. */
int hierarchy_make(struct cgroup *cg, struct hierarchy *h, const struct oci_resources *resources,
		   struct error *err);
/* As hierarchy_make where the directory may be in use: systemd's. */
int hierarchy_join(struct cgroup *cg, struct hierarchy *h, const struct oci_resources *resources,
		   struct error *err);
/* Removes what hierarchy_make made. */
void hierarchy_unmake(struct hierarchy *h);

/* --- processes.c --- */
/* Adds the processes of the tree at dir_fd/name to a list. -ENOENT when it is not there. */
struct pid_list {
	pid_t *items;
	size_t len, room;
};
int pid_list_add_tree(struct pid_list *list, int dir_fd, const char *name);

/* --- systemd.c, scope.c --- */
/* slice:prefix:name → slice, scope and cgroup path; see runtime-spec's "cgroupsPath" in runc's
 * reading: an empty slice is system.slice (user.slice in a user's manager), an empty prefix is
 * no prefix, a name that ends in .slice is a slice of its own. */
int scope_parse(const char *cgroups_path, const char *id, bool user, char **ret_slice,
		char **ret_scope, struct error *err);
/* "a-b.slice" → "/a.slice/a-b.slice"; caller frees. -EINVAL for what is no slice name. */
int scope_expand_slice(const char *slice, char **ret);
/* Whether the manager to speak to is the user's. */
bool systemd_is_user(const struct cgroup *cg);
/* Starts the scope with pid in it. */
int systemd_start(struct cgroup *cg, pid_t pid, const struct oci_resources *resources,
		  struct error *err);
/* Tells systemd of new limits, so that a reload does not bring back the old ones. */
int systemd_update(struct cgroup *cg, const struct oci_resources *resources, struct error *err);
/* Stops the scope and forgets that it failed. */
int systemd_stop(struct cgroup *cg, struct error *err);
