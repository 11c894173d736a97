/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

struct values {
	bool force, volumes, link;
};

static const struct flag flags[] = {
	FLAG(BOOL, "force", 'f', struct values, force, NULL, "kill it first if it runs"),
	FLAG(BOOL, "volumes", 'v', struct values, volumes, NULL,
	     "remove its anonymous volumes too"),
	FLAG(BOOL, "link", 'l', struct values, link, NULL, NULL),
	FLAGS_END,
};

static int one(const struct service *service, const char *name, void *data, struct error *err)
{
	const struct values *values = data;
	int r = service_remove(service, name, values->force, values->volumes, err);

	/* As docker: what is to be gone by force may be gone, which is said but no failure. */
	if (r == -ENOENT && values->force) {
		hcs_report(error_text(err));
		error_done(err);
		return EACH_NOT_THERE;
	}
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_rm, argc, argv, &values, &args, err);

	if (r == 0 && values.link)
		r = error_set(err, ENOTSUP, "--link is not supported: there are no links");
	return r ? r : each_container(cli, &args, one, &values, ret_status, err);
}

const struct cli_command command_rm = {
	.name = "rm",
	.summary = "remove containers",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.description =
		"Removes containers with all that they wrote. Named volumes and images stay.",
	.examples = "  hcs rm web\n  hcs rm -fv web db\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
