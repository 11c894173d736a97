/* SPDX-License-Identifier: Apache-2.0 */
/* pause and unpause */
#include "hcs/hcs.h"

static int pause_one(const struct service *service, const char *name, void *data, struct error *err)
{
	(void)data;
	return service_pause(service, name, true, err);
}

static int unpause_one(const struct service *service, const char *name, void *data,
		       struct error *err)
{
	(void)data;
	return service_pause(service, name, false, err);
}

static int run_pause(const struct cli *cli, int argc, char **argv, int *ret_status,
		     struct error *err)
{
	struct flag_args args;
	int r = flags_parse(&command_pause, argc, argv, NULL, &args, err);

	return r ? r : each_container(cli, &args, pause_one, NULL, ret_status, err);
}

static int run_unpause(const struct cli *cli, int argc, char **argv, int *ret_status,
		       struct error *err)
{
	struct flag_args args;
	int r = flags_parse(&command_unpause, argc, argv, NULL, &args, err);

	return r ? r : each_container(cli, &args, unpause_one, NULL, ret_status, err);
}

const struct cli_command command_pause = {
	.name = "pause",
	.summary = "freeze all processes of containers",
	.usage = "CONTAINER [CONTAINER...]",
	.min_args = 1,
	.max_args = -1,
	.run = run_pause,
};

const struct cli_command command_unpause = {
	.name = "unpause",
	.summary = "let the processes of paused containers go on",
	.usage = "CONTAINER [CONTAINER...]",
	.min_args = 1,
	.max_args = -1,
	.run = run_unpause,
};
