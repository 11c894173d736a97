/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where ps runs for ps_snapshot.c, and the tree that it finds at /proc there. */
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ps_file {
	int pid;          /* 0: of the system */
	const char *name; /* below /proc/PID or /proc; static */
	uint8_t *data;    /* owned */
	size_t len;
};
struct ps_process {
	int pid;
	uint32_t uid, gid;
	size_t files, files_len; /* the first of its files, and how many */
};
struct ps_tree {
	struct ps_file *files;        /* owned */
	size_t len, size;             /* size: bytes of all files */
	struct ps_process *processes; /* owned; sorted by pid, all above 1 */
	size_t processes_len;
};

struct ps_sandbox {
	const struct ps_tree *tree;
	const char *program;
	char *const *args;
	int out, errors; /* files, its stdout and stderr */
	size_t output_max;
	int timeout_ms;
};

/* Runs program to its end. Its exit status as a shell has it, or -errno. */
int ps_sandbox_run(const struct ps_sandbox *sandbox, struct error *err);
