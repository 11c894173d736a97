/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_resume, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	return compute_resume(&invocation->host, arguments.items[0], err);
}

const struct command command_resume = {
	.name = "resume",
	.summary = "let a paused container go on",
	.usage = "ID",
	.description = "Lets the processes of a paused container go on.",
	.examples = "  runhcs resume web\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
