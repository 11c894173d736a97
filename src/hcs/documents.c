/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that inspect things of one type. */
#include "hcs/view.h"

struct values {
	const char *format;
};

#define FORMAT_FLAG                                                                                \
	FLAG(STRING, "format", 'f', struct values, format, "FORMAT",                               \
	     "a Go template for each, or \"json\"")

static const struct flag flags[] = { FORMAT_FLAG, FLAGS_END };

static int show(const struct cli *cli, const struct cli_command *command, const char *type,
		int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(command, argc, argv, &values, &args, err);

	return r ? r : inspect_show(cli, type, values.format, false, &args, ret_status, err);
}

static int run_network(const struct cli *cli, int argc, char **argv, int *ret_status,
		       struct error *err)
{
	return show(cli, &command_network_inspect, "network", argc, argv, ret_status, err);
}

const struct cli_command command_network_inspect = {
	.name = "network inspect",
	.summary = "show all that is known of networks",
	.usage = "[OPTIONS] NETWORK [NETWORK...]",
	.description =
		"Prints a JSON array with an object for each network, its configuration and the "
		"containers on it.",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_network,
};

static int run_volume(const struct cli *cli, int argc, char **argv, int *ret_status,
		      struct error *err)
{
	return show(cli, &command_volume_inspect, "volume", argc, argv, ret_status, err);
}

const struct cli_command command_volume_inspect = {
	.name = "volume inspect",
	.summary = "show all that is known of volumes",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.description = "Prints a JSON array with an object for each volume.",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_volume,
};
