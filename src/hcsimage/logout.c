/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"
#include "hcsimage/commands.h"
#include "hcsimage/registries.h"

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_registries_ struct registries registries = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *server = NULL;
	struct flag_args args;
	bool was = false;
	int r = flags_parse(&command_logout, argc, argv, NULL, &args, err);

	(void)cli;
	(void)ret_status;
	if (r != 0)
		return r;
	r = registries_server(args.items[0], &server, err);
	if (r == 0)
		r = registries_load(&registries, err);
	if (r == 0)
		r = image_logout(&registries.config, server, &was, err);
	if (r < 0)
		return r;
	output_format(&out, was ? "Removing login credentials for %s\n" : "Not logged in to %s\n",
		      server);
	return output_flush(&out, err);
}

const struct cli_command command_logout = {
	.name = "logout",
	.summary = "Log out from a registry",
	.usage = "[SERVER]",
	.description =
		"Removes the credentials for a registry from ~/.docker/config.json, or from the "
		"helper that has them. Without a server: those for Docker Hub.",
	.max_args = 1,
	.run = run,
};
