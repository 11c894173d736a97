/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The engine: one OCI spec → one isolated process tree. Runs on the host for process isolation, and
 * under PID 1 of a utility VM for hyperv isolation. It keeps no state of its own between calls: the
 * caller stores struct container (plain values) and brings it back. No globals, no exit in the
 * caller's process. The caller has one thread (children are cloned without atfork handlers).
 * SIGCHLD is not touched.
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

#define CONTAINER_START_SOCKET "start.sock"

struct container_create {
	const struct oci_spec *spec; /* validated */
	const char *id, *bundle;     /* bundle: absolute */
	int state_fd;                /* directory for the start socket */
	int seccomp_cache_fd;        /* -1: none */
	enum cgroup_manager cgroup_manager;
	bool rootless, no_pivot, no_new_keyring;
	/* createContainer hooks are files of the container's root, and run in it: in a guest, which
	 * has no others. */
	bool hooks_in_root;
	/* Made for container_files alone: its program need not be there, and it cannot be started. */
	bool files_only;
	/* The bundle as the state names it that hooks in init are given; NULL: bundle. */
	const char *hooks_bundle;
	int console_sock;      /* connected; gets the terminal's master; -1 without a terminal */
	unsigned preserve_fds; /* descriptors 3 … 3+n-1 stay open in the container */
	unsigned listen_fds; /* the first so many of them are sockets passed by sd_listen_fds(3) */
	/* Init waits at the start socket, for container_start by any command; otherwise
	 * for container_init_start by this one, through *ret_init. */
	bool with_socket;
	/* Called when it is settled what will be made, before anything is: the caller makes the
	 * record durable, so that what a killed command left can be found (pid is 0), and again
	 * when init is there and ready. */
	int (*record)(const struct container *c, void *data, struct error *err);
	void *data;
	/* Told of what is left out without an error; may be NULL. */
	void (*warn)(const char *message, void *data);
	void *warn_data;
};

/* Creates: cgroup, namespaces, mounts, hooks prestart, createRuntime, createContainer; init then
 * waits for start. On failure everything made is undone. *ret_pidfd: of init, a child of the
 * caller; *ret_init (when with_socket is false): the conversation with it. Both owned by the
 * caller. */
int container_create(const struct container_create *create, struct container *ret, int *ret_pidfd,
		     int *ret_init, struct error *err);

/* Lets the init run startContainer hooks and the program, through its start socket. The error is
 * what the container's side reports: a hook, a missing program. poststart hooks are the caller's.
 */
int container_start(const struct container *c, const struct oci_spec *spec, int state_fd,
		    struct error *err);
/* The same through the conversation of container_create. Does not close init. */
int container_init_start(const struct container *c, const struct oci_spec *spec, int init,
			 struct error *err);

struct container_exec {
	const struct oci_process *process; /* validated */
	const struct oci_spec *spec;       /* of the container: seccomp, personality, … */
	const char *cgroup;                /* below the container's, NULL: its own */
	int seccomp_cache_fd;
	int console_sock;
	unsigned preserve_fds;
	void (*warn)(const char *message, void *data); /* see struct container_create */
	void *warn_data;
};

/* Runs another program in the container. *ret_pid, *ret_pidfd: a child of the caller, which is
 * executing the program when this returns. */
int container_exec(const struct container *c, const struct container_exec *exec, pid_t *ret_pid,
		   int *ret_pidfd, struct error *err);

/* The cgroup of a created container. */
int container_cgroup(const struct container *c, struct cgroup **ret, struct error *err);
/* Ends what still runs in it, and removes what is left of it: cgroup, rdt group, start socket.
 * Everything already gone is no error. */
int container_destroy(const struct container *c, const struct oci_spec *spec, int state_fd,
		      struct error *err);

#define _cleanup_container_ _cleanup_(container_done)
