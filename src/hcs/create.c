/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"
#include "hcs/run_flags.h"

static int create(const struct cli *cli, const struct run_flags *flags,
		  const struct flag_args *args, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *id = NULL;
	struct create_seen seen;
	int r = hcs_open(cli, &service, err);

	if (r == 0)
		r = hcs_create(cli, &command_create, flags, args, &service, &seen, &id, err);
	if (r < 0)
		return r;
	output_format(&out, "%s\n", id);
	return output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_run_flags_ struct run_flags flags = RUN_FLAGS_INIT;
	struct flag_args args;
	int r = flags_parse(&command_create, argc, argv, &flags, &args, err);

	(void)ret_status;
	return r ? r : create(cli, &flags, &args, err);
}

const struct cli_command command_create = {
	.name = "create",
	.summary = "make a container from an image, without starting it",
	.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.description =
		"Makes a container and prints its id. 'hcs start' runs it. The options are those "
		"of 'hcs run'.",
	.examples = "  hcs create --name web -p 8080:80 nano httpd -f\n  hcs start web\n",
	.flags = run_flags_table + RUN_FLAGS_OF_CREATE,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.run = run,
};
