/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hcs-image: hcs's commands that carry images from and to registries and archives. hcs executes it
 * as `hcs-image --root DIR COMMAND …`; to the user it is hcs.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "cli/help.h"
#include "hcsimage/commands.h"

#define DEFAULT_ROOT "/var/lib/hcs"

static const struct cli_command *const all_commands[] = {
	&command_commit_layer, &command_import, &command_load, &command_login,
	&command_logout,       &command_pull,   &command_push, &command_save,
};

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_commands); i++)
		if (strcmp(all_commands[i]->name, name) == 0)
			return all_commands[i];
	return NULL;
}

static int take_root(int *at, int argc, char **argv, struct cli *cli, struct error *err)
{
	static const char equals[] = "--root=";

	cli->root = DEFAULT_ROOT;
	for (*at = 1; *at < argc && argv[*at][0] == '-'; ++*at) {
		if (strcmp(argv[*at], "--root") == 0 && *at + 1 < argc)
			cli->root = argv[++*at];
		else if (strncmp(argv[*at], equals, strlen(equals)) == 0)
			cli->root = argv[*at] + strlen(equals);
		else
			return error_set(err, EINVAL, "hcs-image: unknown flag: %s", argv[*at]);
	}
	if (cli->root[0] != '/')
		return error_set(err, EINVAL, "--root: %s is not an absolute path", cli->root);
	return 0;
}

static int run(int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const struct cli_command *command;
	struct cli cli = { 0 };
	int at, r = take_root(&at, argc, argv, &cli, err);

	if (r < 0)
		return r;
	if (at == argc)
		return error_set(err, EINVAL, "hcs-image: no command given");
	command = find_command(argv[at]);
	if (!command)
		return error_set(err, EINVAL, "hcs-image: unknown command \"%s\"", argv[at]);
	r = command->run(&cli, argc - at - 1, argv + at + 1, ret_status, err);
	if (r != FLAGS_HELP)
		return r;
	cli_help(&out, command);
	return output_flush(&out, err);
}

/* With 0, 1 or 2 closed, the next file opened would take its place and get what we print. */
static bool open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

/* One line, whatever is in it. */
static void print_error(const struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	output_text(&out, "hcs: ");
	for (const char *p = error_text(err); *p; p++)
		output_bytes(&out, (unsigned char)*p < 0x20 || *p == 0x7f ? "?" : p, 1);
	output_text(&out, "\n");
	if (!out.failed)
		(void)fd_write_all(STDERR_FILENO, out.data, out.len);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int status = 0, r;

	if (argc < 1 || !open_standard_streams())
		return EXIT_FAILURE;
	/* libcurl writes to connections that may be closed; helpers are waited for. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return EXIT_FAILURE;
	r = run(argc, argv, &status, &err);
	curl_global_cleanup();
	if (r < 0) {
		print_error(&err);
		return err.exit_status ? err.exit_status : EXIT_FAILURE;
	}
	return status;
}
