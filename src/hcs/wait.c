/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

struct values {
	const char *condition;
};

static const struct flag flags[] = {
	FLAG(STRING, "condition", 0, struct values, condition, "WHAT",
	     "not-running (default), next-exit or removed"),
	FLAGS_END,
};

static int wait_each(const struct service *service, const struct flag_args *args,
		     const char *condition, int *ret_status, struct error *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < args->len; i++) {
		_cleanup_error_ struct error failure = ERROR_INIT;
		_cleanup_output_ struct output out = OUTPUT_INIT;
		int status;

		if (service_wait(service, args->items[i], condition, &status, &failure) < 0) {
			hcs_report(error_text(&failure));
			*ret_status = 1;
			continue;
		}
		output_format(&out, "%d\n", status);
		r = output_flush(&out, err);
	}
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_wait, argc, argv, &values, &args, err);

	if (r == 0)
		r = hcs_open(cli, &service, err);
	return r ? r : wait_each(&service, &args, values.condition, ret_status, err);
}

const struct cli_command command_wait = {
	.name = "wait",
	.summary = "wait until containers stop, then print their exit status",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
