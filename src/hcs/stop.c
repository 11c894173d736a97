/* SPDX-License-Identifier: Apache-2.0 */
/* stop and restart */
#include "hcs/hcs.h"

struct values {
	const char *time, *signal;
	int64_t timeout;
};

static const struct flag flags[] = {
	FLAG(STRING, "signal", 's', struct values, signal, "SIGNAL",
	     "the signal to stop with (default: the container's)"),
	FLAG(STRING, "time", 't', struct values, time, "SECONDS",
	     "how long to wait before it is killed; -1: for ever"),
	FLAG(STRING, "timeout", 0, struct values, time, "SECONDS", NULL),
	FLAGS_END,
};

static int stop_one(const struct service *service, const char *name, void *data, struct error *err)
{
	const struct values *values = data;

	return service_stop(service, name, values->signal, values->timeout, err);
}

static int restart_one(const struct service *service, const char *name, void *data,
		       struct error *err)
{
	const struct values *values = data;

	return service_restart(service, name, values->signal, values->timeout, err);
}

static int run_stop(const struct cli *cli, int argc, char **argv, int *ret_status,
		    struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_stop, argc, argv, &values, &args, err);

	if (r == 0)
		r = stop_timeout_parse(values.time, &values.timeout, err);
	return r ? r : each_container(cli, &args, stop_one, &values, ret_status, err);
}

static int run_restart(const struct cli *cli, int argc, char **argv, int *ret_status,
		       struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_restart, argc, argv, &values, &args, err);

	if (r == 0)
		r = stop_timeout_parse(values.time, &values.timeout, err);
	return r ? r : each_container(cli, &args, restart_one, &values, ret_status, err);
}

const struct cli_command command_stop = {
	.name = "stop",
	.summary = "stop running containers",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.description =
		"Sends the container's stop signal (SIGTERM where none is set), and SIGKILL if "
		"it has not ended ten seconds later, or what --time or its --stop-timeout says.",
	.examples = "  hcs stop web\n  hcs stop -t 2 web db\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_stop,
};

const struct cli_command command_restart = {
	.name = "restart",
	.summary = "stop containers and start them again",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_restart,
};
