/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal_name.h"
#include "runhcs/command.h"
#include "runhcs/id_pattern.h"

struct values {
	bool all, regex;
	int signal;
};

static const struct option options[] = {
	OPT_FLAG("all", 'a', struct values, all, "signal every process of the container"),
	OPT_FLAG("regex", 'r', struct values, regex,
		 "ID is an extended regular expression: signal all that match"),
	OPT_END,
};

static int signal_one(const struct compute_host *host, const char *id, const void *data,
		      struct error *err)
{
	const struct values *given = data;

	return compute_signal(host, id, given->signal, given->all, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct values given = { 0 };
	struct arguments arguments;
	const char *name;
	int r;

	(void)ret_status;
	r = options_parse(&command_kill, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	name = arguments.len > 1 ? arguments.items[1] : "TERM";
	given.signal = signal_from_name(name);
	if (given.signal < 0)
		return usage_error(&command_kill, err, "unknown signal \"%s\"", name);
	if (given.regex)
		return for_each_matching_id(&invocation->host, arguments.items[0], signal_one,
					    &given, err);
	return signal_one(&invocation->host, arguments.items[0], &given, err);
}

const struct command command_kill = {
	.name = "kill",
	.summary = "send a signal to a container",
	.usage = "[options] ID [SIGNAL]",
	.description = "Sends a signal to the container's first process. SIGNAL is a name, with "
		       "SIG before "
		       "it or not, or a number; TERM when it is left out.",
	.examples = "  runhcs kill web\n"
		    "  runhcs kill web SIGHUP\n"
		    "  runhcs kill --all web 9\n",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
