/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_pause, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	return compute_pause(&invocation->host, arguments.items[0], err);
}

const struct command command_pause = {
	.name = "pause",
	.summary = "suspend all processes of a container",
	.usage = "ID",
	.description = "Freezes every process of a running container, until \"runhcs resume\".",
	.examples = "  runhcs pause web\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
