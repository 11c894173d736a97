/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_start, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	return compute_start(&invocation->host, arguments.items[0], err);
}

const struct command command_start = {
	.name = "start",
	.summary = "start the program of a created container",
	.usage = "ID",
	.description =
		"Lets the program of a container run that \"runhcs create\" made, and returns.",
	.examples = "  runhcs create -b /srv/web web && runhcs start web\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
