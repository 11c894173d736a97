/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "runhcs/id_pattern.h"

struct values {
	bool force, regex;
};

static const struct option options[] = {
	OPT_FLAG("force", 'f', struct values, force,
		 "kill it first when it runs, and clean up what a killed command left"),
	OPT_FLAG("regex", 'r', struct values, regex,
		 "ID is an extended regular expression: delete all that match"),
	OPT_END,
};

static int delete_one(const struct compute_host *host, const char *id, const void *data,
		      struct error *err)
{
	const struct values *given = data;

	return compute_delete(host, id, given->force, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct values given = { 0 };
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_delete, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (given.regex)
		return for_each_matching_id(&invocation->host, arguments.items[0], delete_one,
					    &given, err);
	return delete_one(&invocation->host, arguments.items[0], &given, err);
}

const struct command command_delete = {
	.name = "delete",
	.summary = "delete a container and all that belongs to it",
	.usage = "[options] ID",
	.description =
		"Removes a stopped container: its cgroups, mounts and state. With --force also a "
		"running one, which is killed, and one that does not exist, which is no error.",
	.examples = "  runhcs delete web\n"
		    "  runhcs delete --force web\n"
		    "  runhcs delete --force --regex '^test-'\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
