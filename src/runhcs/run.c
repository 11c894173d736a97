/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "runhcs/create_options.h"

static const struct option options[] = {
	CREATE_OPTION_BUNDLE,         CREATE_OPTION_DETACH,         CREATE_OPTION_KEEP,
	CREATE_OPTION_ISOLATION,      CREATE_OPTION_KERNEL,         CREATE_OPTION_HOST,
	CREATE_OPTION_CONSOLE_SOCKET, CREATE_OPTION_PID_FILE,       CREATE_OPTION_PRESERVE_FDS,
	CREATE_OPTION_NO_PIVOT,       CREATE_OPTION_NO_NEW_KEYRING, CREATE_OPTION_NO_SUBREAPER,
	CREATE_OPTION_OWNER,          CREATE_OPTION_PIDFD_SOCKET,   OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct create_options given = { 0 };
	struct compute_create create;
	struct arguments arguments;
	int r;

	r = options_parse(&command_run, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	r = create_options_apply(&given, invocation, arguments.items[0], &create, err);
	if (r < 0)
		return r;
	return compute_run(&invocation->host, &create, ret_status, err);
}

const struct command command_run = {
	.name = "run",
	.summary = "create and start a container, and stay with it",
	.usage = "[options] ID",
	.description =
		"Creates a container from a bundle, starts it, passes on signals and the terminal, "
		"and ends with the exit status of its process (128 + N when signal N ended it). "
		"Then the container is deleted, unless --keep is given. With --detach it returns "
		"once the process runs.",
	.examples = "  runhcs run --bundle /srv/web web\n"
		    "  runhcs run -d -b /srv/web web && runhcs ps web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.enters_container = true,
	.run = run,
};
