/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runhcs: parses the command line, calls the compute layer, prints. This file is the only one that
 * decides what the process ends with.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "container/program_seal.h"
#include "runhcs/command.h"
#include "runhcs/global.h"
#include "runhcs/help.h"
#include "runhcs/log.h"
#include "cli/output.h"
#include "runhcs/version.h"

const struct command *const all_commands[] = {
	&command_run,
	&command_create,
	&command_start,
	&command_exec,
	&command_pause,
	&command_resume,
	&command_ps,
	&command_state,
	&command_kill,
	&command_delete,
	&command_list,
	&command_update,
	&command_events,
	&command_spec,
	&command_features,
	&command_resize_tty,
	&command_create_scratch,
	&command_checkpoint,
	&command_restore,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = all_commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static int show_help(const struct command *command, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	help_print(&out, command);
	return output_flush(&out, err);
}

static int show_version(struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	version_print(&out);
	return output_flush(&out, err);
}

/* `help` and `help COMMAND` */
static int run_help(const struct arguments *arguments, struct error *err)
{
	const struct command *command = &program_command;

	if (arguments->len > 1 && arguments->items[1][0] != '-') {
		command = command_find(arguments->items[1]);
		if (!command)
			return usage_error(&program_command, err, "no command \"%s\"",
					   arguments->items[1]);
	}
	return show_help(command, err);
}

static void warn(const char *message, void *data)
{
	log_message(data, LOG_LEVEL_WARNING, message);
}

static int run_command(const struct global_options *global, const struct arguments *arguments,
		       char **program_argv, struct log *log, int *ret_status, struct error *err)
{
	struct invocation invocation = {
		.host = { .warn = warn, .warn_data = log },
		.owner = global->owner,
		.log = log,
	};
	_cleanup_free_ char *root = NULL;
	const struct command *command;
	int r;

	command = command_find(arguments->items[0]);
	if (!command)
		return usage_error(&program_command, err, "unknown command \"%s\"",
				   arguments->items[0]);
	if (command->enters_container) {
		r = program_seal(program_argv, err);
		if (r < 0)
			return r;
	}
	r = global_host(global, &invocation.host, &root, err);
	if (r < 0)
		return r;
	log_message(log, LOG_LEVEL_DEBUG, command->name);
	r = command->run(&invocation, arguments->len - 1, arguments->items + 1, ret_status, err);
	if (r == OPTIONS_HELP)
		return show_help(command, err);
	return r;
}

static int run_program(int argc, char **argv, struct log *log, int *ret_status, struct error *err)
{
	struct global_options global = { 0 };
	struct arguments arguments;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r;

	r = options_parse(&program_command, argc - 1, argv + 1, &global, &arguments, err);
	if (r == OPTIONS_HELP)
		return show_help(&program_command, err);
	if (global.debug)
		global.log_level = "debug";
	if (r < 0) {
		/* The caller may read nothing but the log that it named before its mistake. */
		(void)log_open(log, global.log, global.log_format, global.log_level, &ignored);
		return r;
	}
	r = log_open(log, global.log, global.log_format, global.log_level, err);
	if (r < 0)
		return r;
	if (global.version)
		return show_version(err);
	if (arguments.len == 0)
		return usage_error(&program_command, err, "no command given");
	if (!strcmp(arguments.items[0], "help"))
		return run_help(&arguments, err);
	return run_command(&global, &arguments, argv, log, ret_status, err);
}

/* With 0, 1 or 2 closed, the next file opened would take its place and get what we print. */
static bool open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_log_ struct log log = LOG_INIT;
	int status = 0;

	if (argc < 1 || !open_standard_streams())
		return EXIT_FAILURE;
	/* A caller that ignores it has its children reaped by the kernel, and so would ours be: exit
	 * statuses, those of hooks too, would be lost. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (run_program(argc, argv, &log, &status, &err) < 0) {
		log_failure(&log, error_text(&err));
		return err.exit_status ? err.exit_status : EXIT_FAILURE;
	}
	return status;
}
