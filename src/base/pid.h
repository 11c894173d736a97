/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Processes, named so that a reused pid is not taken for the one meant: pid and start time. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct pid_stat {
	char state;
	pid_t ppid;
	uint64_t start_time; /* clock ticks after boot */
};

/* From /proc/<pid>/stat. 0 or -errno (-ESRCH: none). */
int pid_read_stat(pid_t pid, struct pid_stat *ret);
/* Whether the process lives and is the one that started then; a zombie does not live. */
bool pid_is_alive(pid_t pid, uint64_t start_time);
/* pidfd of that process, -ESRCH when it has gone or the pid is another's now. */
int pid_open(pid_t pid, uint64_t start_time);
/* Waits until pidfd's process ends: 1 ended, 0 timeout_ms over (-1: none), or -errno. */
int pidfd_wait_end(int pidfd, int timeout_ms);
/* pidfd_send_signal(2). 0 or -errno. */
int pidfd_kill(int pidfd, int sig);
/* Reaps a child by pidfd: exit status as a shell has it (128+n by signal), or -errno. */
int pidfd_reap(int pidfd);
/* Shell-like status of a wait status. */
int wait_status_code(int wstatus);
