/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/checkpoint_options.h"

#include <string.h>

#include "cli/number.h"

static int check_cgroups_mode(const struct command *command, const char *mode, struct error *err)
{
	static const char *const modes[] = { "soft", "full", "strict", "ignore" };

	if (!mode)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(mode, modes[i]))
			return 0;
	return usage_error(command, err,
			   "--manage-cgroups-mode is soft, full, strict or ignore, not \"%s\"",
			   mode);
}

static int check_page_server(const struct command *command, const char *server, struct error *err)
{
	const char *colon = server ? strrchr(server, ':') : NULL;
	uint64_t port;

	if (!server)
		return 0;
	if (!colon || colon == server || number_unsigned(colon + 1, UINT16_MAX, &port) < 0 || !port)
		return usage_error(command, err, "--page-server is ADDRESS:PORT, not \"%s\"",
				   server);
	return 0;
}

int checkpoint_options_check(const struct command *command, struct checkpoint_options *options,
			     struct error *err)
{
	struct compute_checkpoint *criu = &options->criu;
	uint64_t fd;
	int r;

	if (!criu->image_path)
		criu->image_path = "checkpoint";
	r = check_cgroups_mode(command, criu->manage_cgroups_mode, err);
	if (r < 0)
		return r;
	r = check_page_server(command, criu->page_server, err);
	if (r < 0)
		return r;
	/* runc's default, "none", is written as -1. */
	if (criu->status_fd && !strcmp(criu->status_fd, "-1"))
		criu->status_fd = NULL;
	if (criu->status_fd) {
		r = option_unsigned("--status-fd", criu->status_fd, 0, INT32_MAX, &fd, err);
		if (r < 0)
			return r;
	}
	if (criu->parent_path && criu->parent_path[0] == '/')
		return usage_error(command, err,
				   "--parent-path is relative to the image directory, not \"%s\"",
				   criu->parent_path);
	for (size_t i = 0; i < options->empty_ns.len; i++)
		if (strcmp(options->empty_ns.items[i], "network") != 0)
			return usage_error(command, err, "--empty-ns: only network, not \"%s\"",
					   options->empty_ns.items[i]);
	return 0;
}
