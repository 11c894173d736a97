/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "runhcs/create_options.h"

static const struct option options[] = {
	CREATE_OPTION_BUNDLE,
	CREATE_OPTION_ISOLATION,
	CREATE_OPTION_KERNEL,
	CREATE_OPTION_HOST,
	CREATE_OPTION_CONSOLE_SOCKET,
	CREATE_OPTION_PID_FILE,
	CREATE_OPTION_PRESERVE_FDS,
	CREATE_OPTION_NO_PIVOT,
	CREATE_OPTION_NO_NEW_KEYRING,
	CREATE_OPTION_OWNER,
	CREATE_OPTION_NO_SUBREAPER,
	CREATE_OPTION_PIDFD_SOCKET,
	OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct create_options given = { 0 };
	struct compute_create create;
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_create, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	r = create_options_apply(&given, invocation, arguments.items[0], &create, err);
	if (r < 0)
		return r;
	return compute_create(&invocation->host, &create, err);
}

const struct command command_create = {
	.name = "create",
	.summary = "create a container",
	.usage = "[options] ID",
	.description =
		"Makes a container from a bundle: everything but running its program, which waits "
		"for \"runhcs start ID\". The id is the caller's choice, unique below the root.",
	.examples = "  runhcs create --bundle /srv/web --pid-file /run/web.pid web\n"
		    "  runhcs start web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.enters_container = true,
	.run = run,
};
