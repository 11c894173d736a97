/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a command is: its words for the user, its options, and the function behind it. */
#include <stdbool.h>

#include "base/error.h"
#include "compute/system.h"
#include "runhcs/log.h"
#include "runhcs/options.h"

/* What the global options said; the same for every command. */
struct invocation {
	struct compute_host host;
	const char *owner; /* NULL: the caller's user name */
	const struct log *log;
};

struct command {
	const char *name;        /* NULL: the program itself, before any command */
	const char *summary;     /* one line for the list of commands */
	const char *usage;       /* what follows the name */
	const char *description; /* sentences, wrapped by help */
	const char *examples;    /* lines as they are; NULL: none */
	const struct option *options;
	int min_args, max_args; /* of positional arguments; max -1: no limit */
	int stop_after;         /* see options_parse */
	bool enters_container;  /* a process of ours goes into one: see program_seal */
	/* argv: what follows the command's name. Returns 0 with *ret_status for the exit status (0
	 * unless a process's status is passed on), OPTIONS_HELP, or -errno. */
	int (*run)(const struct invocation *invocation, int argc, char **argv, int *ret_status,
		   struct error *err);
};

extern const struct command command_checkpoint, command_create, command_create_scratch,
	command_delete, command_events, command_exec, command_features, command_kill, command_list,
	command_pause, command_ps, command_resize_tty, command_restore, command_resume, command_run,
	command_spec, command_start, command_state, command_update;

/* All of them, in the order that help shows; ends with NULL. */
extern const struct command *const all_commands[];
const struct command *command_find(const char *name);
