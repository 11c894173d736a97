/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

struct values {
	const char *isolation;
	enum compute_isolation to;
};

static const struct flag flags[] = {
	FLAG(STRING, "isolation", 0, struct values, isolation, "MODE", "process or hyperv"),
	FLAGS_END,
};

static int one(const struct service *service, const char *name, void *data, struct error *err)
{
	const struct values *values = data;

	return service_set_isolation(service, name, values->to, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_set, argc, argv, &values, &args, err);

	if (r)
		return r;
	if (!values.isolation)
		return flags_error(&command_set, err, "nothing to set: give --isolation");
	if (compute_isolation_parse(values.isolation, &values.to) < 0 ||
	    values.to == ISOLATION_DEFAULT)
		return flags_error(&command_set, err,
				   "invalid argument \"%s\" for \"--isolation\" flag: process or "
				   "hyperv is expected",
				   values.isolation);
	return each_container(cli, &args, one, &values, ret_status, err);
}

const struct cli_command command_set = {
	.name = "set",
	.summary = "convert stopped containers from one isolation to the other",
	.usage = "--isolation MODE CONTAINER [CONTAINER...]",
	.description =
		"Converts a stopped container to process or hyperv isolation. What it wrote, its "
		"configuration and its name stay. A container that runs is refused.",
	.examples = "  hcs stop web && hcs set web --isolation hyperv && hcs start web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
