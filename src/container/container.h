/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The engine: one OCI spec → one isolated process tree. Runs on the host for process isolation, and
 * under PID 1 of a utility VM for hyperv isolation. It keeps no state of its own between calls: the
 * caller stores struct container (plain values) and brings it back. No globals, no exit in the caller's process.
 * The caller has one thread (children are cloned without atfork handlers). SIGCHLD is not touched.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "container/cgroup/cgroup.h"
#include "oci/spec.h"

/* What identifies a created container: enough to do everything else with it, to be stored. */
struct container {
	char *id, *bundle, *rootfs; /* owned; absolute paths */
	pid_t pid;                  /* of init, in the caller's pid namespace; 0: none yet */
	uint64_t pid_start;         /* its start time: struct pid_stat */
	enum cgroup_manager cgroup_manager;
	char *cgroup_path, *cgroup_scope, *cgroup_freezer; /* owned; may be NULL */
	bool rdt_made;
};
void container_done(struct container *c);

struct container_create {
	const struct oci_spec *spec; /* validated */
	const char *id, *bundle;     /* bundle: absolute */
	const char *oci_version;
	int state_fd;           /* directory for the start socket; its name is START_SOCKET */
	int seccomp_cache_fd;   /* -1: none */
	enum cgroup_manager cgroup_manager;
	bool rootless, no_pivot, no_new_keyring;
	const char *console_socket; /* path, or NULL */
	unsigned preserve_fds;      /* 3 … 3+n-1 stay open in the container */
	bool with_socket;       /* false: container_run_created starts it through `sync` (run) */
	int stdio[3];           /* -1: inherit 0, 1, 2 */
	/* Called when pid and cgroup are settled but before anything of the container's runs: the caller makes the
	 * record durable, so that a crash from here on can be cleaned. May be called twice. */
	int (*record)(const struct container *c, void *data, struct error *err);
	void *data;
};

struct container_init; /* the running init, held by run until start */

/* Creates: cgroup, namespaces, mounts, hooks prestart, createRuntime, createContainer; init then waits for
 * start. On failure everything made is undone. *ret_init: the held end, for run; with with_socket
 * it is freed instead and start goes through the socket. */
int container_create(const struct container_create *create, struct container *ret,
		     struct container_init **ret_init, struct error *err);
