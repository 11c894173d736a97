/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Namespaces: which are made, which are joined, and the clone that puts a child into all of them.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

struct namespace_plan {
	/* CLONE_NEW* for the clone; the others have times of their own. The network namespace is
	 * among them when devices are to be moved into it: then it must be there for the runtime.
	 */
	int new_flags;
	bool new_net, new_cgroup, new_time;
	bool time_inside;          /* the time namespace is made by namespace_unshare_time */
	int join_fd[OCI_NS_KINDS]; /* namespaces given by path, -1: none; owned */
	const struct oci_linux *linux_;
};

/* CLONE_NEW* of a kind, and its name in /proc/PID/ns. */
int namespace_flag(enum oci_namespace_kind kind);
const char *namespace_file(enum oci_namespace_kind kind);

/* Opens the paths and checks that each is a namespace of its kind (a path to anything else is
 * refused by its JSON path), before anything is made. */
int namespace_plan_make(const struct oci_linux *l, struct namespace_plan *ret, struct error *err);
void namespace_plan_done(struct namespace_plan *plan);

/* Runs in the child; never returns. */
typedef void (*namespace_child_fn)(void *data) __attribute__((noreturn));

/* Clones a child of the caller into the namespaces of the plan, and into the cgroup cgroup_fd when
 * that is not -1. Namespaces to join, and a time namespace to make, go through an intermediate
 * process, so that the caller's own namespaces never change. The child's pid as the caller sees it;
 * *ret_pidfd is the caller's to close. */
pid_t namespace_spawn(const struct namespace_plan *plan, int cgroup_fd, namespace_child_fn child,
		      void *data, int *ret_pidfd, struct error *err);

/* In the child: the network namespace is the dearest of all, three quarters of what the clone would
 * cost; here it is made while the runtime makes the cgroups. */
int namespace_unshare_net(const struct namespace_plan *plan, struct error *err);
/* In the child: what is made only after joining the cgroup (cgroup_namespaces(7)). */
int namespace_unshare_cgroup(const struct namespace_plan *plan, struct error *err);
/* In the child, root of its user namespace: the time namespace that only that root may make. */
int namespace_unshare_time(const struct namespace_plan *plan, struct error *err);

/* Runs in the intermediate process before it joins anything; keep_fd is to stay open. 0 or -errno. */
typedef int (*namespace_prepare_fn)(void *data, int keep_fd, struct error *err);

/* Clones a child that is, or by namespace_enter comes, into the namespaces (flags: CLONE_NEW*) of the process
 * pidfd: *ret_enter is what is left to enter. An intermediate process makes it where an ordinary user has
 * rights only after joining the user namespace, and where the container's processes see the child from its first
 * moment: one with CAP_SYS_PTRACE could reach the host's files by its /proc/PID/root and /proc/PID/fd, so by then
 * it must be inside, and have closed (prepare) what is not for the container. */
pid_t namespace_spawn_beside(int pidfd, int flags, int cgroup_fd, int *ret_enter,
			     namespace_prepare_fn prepare, namespace_child_fn child, void *data,
			     int *ret_pidfd, struct error *err);
/* In that child: into the namespaces of the process pidfd. */
int namespace_enter(int pidfd, int flags, struct error *err);
/* Which namespaces the process is in that are not the caller's: CLONE_NEW* flags. proc: fd of
 * /proc/PID. */
int namespace_differing(int proc_pid_fd, int *ret_flags, struct error *err);
