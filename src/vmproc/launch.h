/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The command's side of vmproc (protocol.h). After vmproc_spawn every failure is cleaned up by
 * killing the child by its pidfd and reaping it: vmwp dies with it. COMMIT and START are the
 * engine's (sync_send, container_init_start).
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct vmproc_spawn {
	const char *id;
	bool exec;      /* a further process of a container, not its first */
	int stdio[3];   /* borrowed; -1, or not open: /dev/null */
	int netns;      /* network namespace to join, borrowed; -1: the caller's, or a new one */
	bool new_netns; /* with lo up */
	int cgroup_fd;  /* for CLONE_INTO_CGROUP (cgroup_clone_fd), -1: none */
	/* Run in the child before it executes (cgroup_enter, …). May be NULL. */
	int (*prepare)(void *data, struct error *err);
	void *data;
};

/* Starts HCS_LIBEXECDIR/vmproc as a child of the caller, which has one thread. When it returns, the
 * child is prepared and in its network namespace; that it could not be executed is told by the next
 * call. *ret_sync: the conversation. Returns 0; -EBUSY, -EOPNOTSUPP, -EACCES where the clone into
 * cgroup_fd was refused: to be tried without. On failure nothing is left. */
int vmproc_spawn(const struct vmproc_spawn *spawn, pid_t *ret_pid, int *ret_pidfd, int *ret_sync,
		 struct error *err);

/* Starts vmwp; returns when it is ready. fds: what the settings refer to, in order, n ≤
 * VMPROC_VM_FDS_MAX - 2. *ret_vmwp_pid is of vmproc's pid namespace. The descriptors stay the
 * caller's. */
int vmproc_send_vm(int sync, int settings_memfd, int control_listen, const int *fds, size_t n,
		   pid_t *ret_vmwp_pid, struct error *err);

struct vmproc_begin {
	int connection;         /* to vmwp's control socket */
	int start_socket;       /* listening; -1: START comes over the conversation */
	int console;            /* connected; -1: no terminal */
	int reason;             /* -1: none */
	uint32_t uid;           /* the VM's; 0: keep */
	uint16_t rows, columns; /* of the terminal; 0: not known */
	/* How long the agent may take for the requests, and later for the start, in milliseconds; 0:
	 * as long as it needs. */
	uint32_t create_ms, start_ms;
	/* Told of what is left out without an error; may be NULL. Text is the guest's, made
	 * printable by vmproc. */
	void (*warn)(const char *message, void *data);
	void *warn_data;
};

/* Sends the requests (array, borrowed); returns when the container is created or the exec's program
 * runs. The error is the guest's as it is there. The descriptors stay the caller's. */
int vmproc_begin(int sync, const json_t *requests, const struct vmproc_begin *what,
		 int *ret_guest_pid, struct error *err);
