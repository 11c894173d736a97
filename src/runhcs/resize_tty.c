/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "cli/number.h"

struct values {
	const char *pid;
};

static const struct option options[] = {
	OPT_VALUE("pid", 'p', struct values, pid, "PID",
		  "process whose terminal it is, as the host numbers it (default: the first)"),
	OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	uint64_t pid = 0, width, height;
	struct values given = { 0 };
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_resize_tty, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (given.pid) {
		r = option_unsigned("--pid", given.pid, 1, INT32_MAX, &pid, err);
		if (r < 0)
			return r;
	}
	r = option_unsigned("WIDTH", arguments.items[1], 1, UINT16_MAX, &width, err);
	if (r < 0)
		return r;
	r = option_unsigned("HEIGHT", arguments.items[2], 1, UINT16_MAX, &height, err);
	if (r < 0)
		return r;
	return compute_resize(&invocation->host, arguments.items[0], (pid_t)pid, (uint16_t)width,
			      (uint16_t)height, err);
}

const struct command command_resize_tty = {
	.name = "resize-tty",
	.summary = "set the size of a container's terminal",
	.usage = "[options] ID WIDTH HEIGHT",
	.description =
		"Sets the size of a process's terminal, in characters; the process is told by "
		"SIGWINCH.",
	.examples = "  runhcs resize-tty web 132 43\n",
	.options = options,
	.min_args = 3,
	.max_args = 3,
	.run = run,
};
