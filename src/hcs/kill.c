/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal_name.h"
#include "hcs/hcs.h"

struct values {
	const char *signal;
};

static const struct flag flags[] = {
	FLAG(STRING, "signal", 's', struct values, signal, "SIGNAL",
	     "the signal, by name or number (default KILL)"),
	FLAGS_END,
};

static int one(const struct service *service, const char *name, void *data, struct error *err)
{
	const struct values *values = data;

	return service_kill(service, name, values->signal, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { .signal = "KILL" };
	struct flag_args args;
	int r = flags_parse(&command_kill, argc, argv, &values, &args, err);

	if (r == 0 && signal_from_name(values.signal) < 0)
		r = error_set(err, EINVAL, "Invalid signal: %s", values.signal);
	return r ? r : each_container(cli, &args, one, &values, ret_status, err);
}

const struct cli_command command_kill = {
	.name = "kill",
	.summary = "send a signal to containers",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.description = "Sends SIGKILL, or the signal named, to the container's first process.",
	.examples = "  hcs kill web\n  hcs kill -s HUP web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
