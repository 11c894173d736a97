/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hcs: parses the command line, calls the service, prints. This file is the only one that decides what
 * the process ends with.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "cli/help.h"
#include "cli/output.h"
#include "container/program_seal.h"
#include "hcs/hcs.h"
#include "hcs/names.h"

struct global {
	const char *root, *run_root;
	bool debug, version;
};

static const struct flag global_flags[] = {
	FLAG(STRING, "root", 0, struct global, root, "DIR",
	     "where images and containers are kept (default $HCS_ROOT, else " SERVICE_ROOT ")"),
	FLAG(STRING, "runroot", 0, struct global, run_root, "DIR",
	     "where what runs is kept (default $HCS_RUN_ROOT, else " SERVICE_RUN_ROOT ")"),
	FLAG(BOOL, "debug", 'D', struct global, debug, NULL, "say what is run, and where"),
	FLAG(BOOL, "version", 'v', struct global, version, NULL, "show the version"),
	FLAGS_END,
};

/* The program itself, for the parser and for help. */
static const struct cli_command program = {
	.name = "",
	.summary = "containers and images, in process or in hyperv isolation",
	.usage = "[OPTIONS] COMMAND",
	.flags = global_flags,
	.max_args = -1,
	.options_first = true,
};

const struct cli_command *command_find(const char *name)
{
	for (const struct cli_command *const *c = all_commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

void hcs_report(const char *message)
{
	_cleanup_output_ struct output line = OUTPUT_INIT;

	output_text(&line, "hcs: ");
	/* Paths and names in it may be a container's. Some say more than a line. */
	for (const char *rest = message; *rest;) {
		size_t len = strcspn(rest, "\n");

		output_printable(&line, rest, len);
		rest += len;
		if (*rest == '\n') {
			output_text(&line, "\n");
			rest++;
		}
	}
	output_text(&line, "\n");
	if (!line.failed)
		(void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

static void warn(const char *message, void *data)
{
	_cleanup_free_ char *line = NULL;

	(void)data;
	if (asprintf(&line, "warning: %s", message) < 0)
		line = NULL;
	else
		hcs_report(line);
}

int hcs_open(const struct cli *cli, struct service *ret, struct error *err)
{
	int r = service_open(cli->root, cli->run_root, ret, err);

	if (r == 0)
		ret->host.warn = warn;
	return r;
}

static void print_commands(struct output *out)
{
	output_text(out, "\nCommands:\n");
	for (const struct cli_command *const *c = all_commands; *c; c++)
		output_format(out, "  %-16s%s\n", (*c)->name, (*c)->summary);
	names_print_image_commands(out);
	output_text(out, "\nRun 'hcs COMMAND --help' for more information on a command.\n");
}

static int show_help(const struct cli_command *command, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	cli_help(&out, command);
	if (command == &program)
		print_commands(&out);
	return output_flush(&out, err);
}

static int show_version(struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	output_text(&out, "hcs version " HCS_VERSION "\n");
	return output_flush(&out, err);
}

/* option, else the environment's, else the default; absolute. */
static int choose_root(const char *option, const char *variable, const char *usual, char **ret,
		       struct error *err)
{
	/* secure_getenv: nobody chooses them for a set-id program. */
	const char *path = option ? option : secure_getenv(variable);
	_cleanup_free_ char *cwd = NULL;

	if (option && !*option)
		return error_set(err, EINVAL, "--root, --runroot: the path is empty");
	if (!path || !*path)
		path = usual;
	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return error_sys(err, errno, "getcwd");
	}
	*ret = path_join(cwd ? cwd : "/", path);
	return *ret ? 0 : error_oom(err);
}

static void debug(const struct cli *cli, const struct cli_command *command)
{
	_cleanup_free_ char *line = NULL;

	if (asprintf(&line, "debug: %s, with the root %s and the run root %s", command->name,
		     cli->root, cli->run_root) < 0)
		line = NULL;
	else
		hcs_report(line);
}

static int run_command(const struct cli *cli, struct flag_args *args, char **program_argv,
		       int *ret_status, struct error *err)
{
	const struct cli_command *command = NULL;
	int used, r;

	r = names_resolve(args->items, args->len, &command, &used, err);
	if (r < 0)
		return r;
	if (!command)
		return image_program_exec(cli, args->items + used, err);
	if (cli->debug)
		debug(cli, command);
	if (command->enters_container) {
		r = program_seal(program_argv, err);
		if (r < 0)
			return r;
	}
	r = command->run(cli, args->len - used, args->items + used, ret_status, err);
	return r == FLAGS_HELP ? show_help(command, err) : r;
}

/* `help`, `help COMMAND` */
static int run_help(struct flag_args *args, struct error *err)
{
	const struct cli_command *command = &program;
	int used, r;

	if (args->len == 1)
		return show_help(command, err);
	r = names_resolve(args->items + 1, args->len - 1, &command, &used, err);
	if (r == 0 && !command)
		return error_set(err, EINVAL, "see 'hcs %s --help'", args->items[1]);
	return r < 0 ? r : show_help(command, err);
}

static int run_program(int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_free_ char *root = NULL, *run_root = NULL;
	struct global global = { 0 };
	struct flag_args args;
	struct cli cli;
	int r = flags_parse(&program, argc - 1, argv + 1, &global, &args, err);

	if (r == FLAGS_HELP)
		return show_help(&program, err);
	if (r < 0)
		return r;
	if (global.version)
		return show_version(err);
	if (args.len == 0)
		return show_help(&program, err);
	if (strcmp(args.items[0], "help") == 0)
		return run_help(&args, err);
	r = choose_root(global.root, "HCS_ROOT", SERVICE_ROOT, &root, err);
	if (r == 0)
		r = choose_root(global.run_root, "HCS_RUN_ROOT", SERVICE_RUN_ROOT, &run_root, err);
	if (r < 0)
		return r;
	cli = (struct cli){ .root = root, .run_root = run_root, .debug = global.debug };
	return run_command(&cli, &args, argv, ret_status, err);
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
	int status = 0;

	if (argc < 1 || !open_standard_streams())
		return EXIT_FAILURE;
	/* A caller that ignores it has its children reaped by the kernel, and so would ours be. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (run_program(argc, argv, &status, &err) < 0) {
		hcs_report(error_text(&err));
		return err.exit_status ? err.exit_status : EXIT_FAILURE;
	}
	return status;
}
