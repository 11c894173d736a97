/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a command of hcs is: its words for the user, its flags, and the function behind it. */
#include <stdbool.h>

#include "base/error.h"
#include "cli/flags.h"

/* What the global options and the configuration file said; the same for every command. */
struct cli {
	const char *root, *run_root; /* absolute; see service/service.h */
	bool debug;
};

struct cli_command {
	const char *name;        /* "run", "compute list" */
	const char *summary;     /* one line for the list of commands */
	const char *usage;       /* what follows the name: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	const char *description; /* sentences, wrapped by help; NULL: the summary */
	const char *examples;    /* lines as they are; NULL: none */
	const struct flag *flags;
	int min_args, max_args; /* of positional arguments; max -1: no limit */
	bool options_first;     /* see flags_parse */
	bool enters_container;  /* a process of ours goes into one: see container/program_seal.h */
	/* argv: what follows the command's name. Returns 0 with *ret_status for the exit status (0 unless
	 * one is passed on), FLAGS_HELP, or -errno; err->exit_status 0 is exit status 1. */
	int (*run)(const struct cli *cli, int argc, char **argv, int *ret_status,
		   struct error *err);
};
