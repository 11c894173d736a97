/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The program a container runs, init's or exec's: everything about it is worked out by the runtime
 * before the clone (process_plan_make), done by the child step by step, and ends in execve.
 */
#include <stdbool.h>

#include "base/error.h"
#include "container/caps.h"
#include "container/limits.h"
#include "container/seccomp.h"
#include "oci/spec.h"

struct rootfs;

struct process_plan {
	const struct oci_process *oci;
	const struct oci_linux *linux_; /* seccomp, personality, memory policy; may be NULL */
	bool is_init;                   /* cwd is made; LISTEN_PID is 1 */
	struct caps caps;
	struct rlimit_plan rlimits;
	struct seccomp_filter seccomp;
	bool has_seccomp;
	unsigned preserve_fds;
	unsigned listen_fds;    /* see struct container_create */
	bool rlimits_by_parent; /* in a user namespace a hard limit cannot be raised */
	struct strv env;        /* with what is added here: HOME comes in the child */
	int console_sock;       /* the terminal's master goes here, -1: none; borrowed */
	char *path;             /* found in the child by process_find, owned */
	char *added[3];         /* variables added in the child, owned */
};

/* Checks and translates everything that can be without the container. where: JSON path of the
 * process ("process"). cache_fd: of compiled seccomp profiles, -1: none. */
int process_plan_make(struct process_plan *plan, const struct oci_process *oci,
		      const struct oci_spec *spec, const char *where, int cache_fd,
		      struct error *err);
void process_plan_done(struct process_plan *plan);
/* Warns of capabilities that will be left out, as runtime-spec config.md#process demands. On the
 * runtime's side, for a process in its own user namespace. */
int process_warn_caps(const struct process_plan *plan, const char *where,
		      void (*warn)(const char *message, void *data), void *data, struct error *err);

/* In the child, inside the container's root, in this order. */
/* Opens a terminal of the container's, sends the master away, makes the slave stdin, stdout,
 * stderr. For init it is also bound to /dev/console. */
int process_open_terminal(struct process_plan *plan, struct rootfs *fs, struct error *err);
/* Finds the program as the user would (execvpe(3) rules, permissions of the user); sets path. Not
 * found: exit status 127, not executable: 126. */
int process_find(struct process_plan *plan, struct error *err);
/* Adds to env: HOME from the container's /etc/passwd when it has none, as runc does, and
 * LISTEN_FDS with LISTEN_PID. */
int process_complete_env(struct process_plan *plan, struct rootfs *fs, struct error *err);
/* err from execve's errno: names the interpreter when that is what is missing. Returns -code. */
int process_explain_exec(const struct process_plan *plan, int code, struct error *err);
/* All that is left, then execve; returns only on failure. sync: to say so, and to hand a seccomp
 * listener over; closed by execve. */
int process_execute(struct process_plan *plan, struct rootfs *fs, int sync, struct error *err);
/* Host's side, for a process in a user namespace, which cannot raise limits or lower its score
 * itself. */
int process_set_oom_score(pid_t pid, int64_t score, struct error *err);
int process_set_rlimits(pid_t pid, const struct rlimit_plan *plan, struct error *err);
/* Default actions and an empty mask for all signals: what the runtime's caller ignored or blocked
 * is not the container's. */
void process_reset_signals(void);
