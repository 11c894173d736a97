/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options before the command: where the state is, how cgroups are made, where errors go. */
#include "runhcs/command.h"

struct global_options {
	const char *root, *log, *log_format, *log_level, *owner, *cgroup_manager, *rootless, *criu;
	bool debug, systemd_cgroup, version;
};

/* The program as a command, for the parser and help. */
extern const struct command program_command;

/* Fills host. *ret_root: memory that host->root may point into, caller frees. 0 or -errno. */
int global_host(const struct global_options *options, struct compute_host *host, char **ret_root,
		struct error *err);
