/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_rename, argc, argv, NULL, &args, err);

	(void)ret_status;
	if (r == 0)
		r = hcs_open(cli, &service, err);
	return r ? r : service_rename(&service, args.items[0], args.items[1], err);
}

const struct cli_command command_rename = {
	.name = "rename",
	.summary = "give a container another name",
	.usage = "CONTAINER NEW_NAME",
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
