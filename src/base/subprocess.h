/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Runs another program to its end: hooks, newuidmap, criu, our own helpers. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct subprocess {
	const char *path;  /* executed as it is, no search */
	char *const *argv; /* NULL-terminated */
	char *const *envp; /* NULL: inherit */
	const char *input; /* to its stdin, then EOF; NULL: /dev/null */
	size_t input_len;
	int timeout_ms;           /* -1: none; past it the process group is killed */
	int stdout_fd, stderr_fd; /* -1: captured together in output */
	int cwd_fd;               /* -1: keep */
	/* Stays open in the program and in what it starts, so that a lock on it is held as long as any of
	 * them runs; not above 2: none. */
	int keep_fd;
	bool outlives; /* goes on to its end when the caller is killed */
};

/* The absolute path of a program by PATH, or where execvp(3) looks without it; caller frees. Relative
 * entries do not count: they would make the working directory decide what runs as root. 0, -ENOENT,
 * -ENOMEM. */
int subprocess_find(const char *name, char **ret);
/* Runs it. Returns its exit status as a shell has it, or -errno when it could not be run or timed
 * out (-ETIMEDOUT). *ret_output (may be NULL): what it printed, at most 64 KiB, caller frees, also
 * on failure. */
int subprocess_run(const struct subprocess *sp, char **ret_output, struct error *err);
