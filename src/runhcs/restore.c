/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/checkpoint_options.h"

static const struct option options[] = {
	CREATE_OPTION_BUNDLE,
	CREATE_OPTION_DETACH,
	CREATE_OPTION_CONSOLE_SOCKET,
	CREATE_OPTION_PID_FILE,
	CREATE_OPTION_NO_PIVOT,
	CREATE_OPTION_NO_SUBREAPER,
	CREATE_OPTION_OWNER,
	CRIU_OPTIONS_COMMON,
	CRIU_VALUE("lsm-profile", lsm_profile, "TYPE:NAME", "security profile to restore into"),
	CRIU_VALUE("lsm-mount-context", lsm_mount_context, "CONTEXT", "SELinux context of mounts"),
	OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct checkpoint_options given = { 0 };
	struct compute_create create;
	struct arguments arguments;
	int r;

	r = options_parse(&command_restore, argc, argv, &given, &arguments, err);
	if (!r)
		r = checkpoint_options_check(&command_restore, &given, err);
	if (!r)
		r = create_options_apply(&given.create, invocation, arguments.items[0], &create,
					 err);
	if (!r)
		r = compute_restore(&invocation->host, &create, &given.criu, ret_status, err);
	string_list_done(&given.empty_ns);
	return r;
}

const struct command command_restore = {
	.name = "restore",
	.summary = "bring a checkpointed container back (with CRIU)",
	.usage = "[options] ID",
	.description = "Makes a container from the image files of \"runhcs checkpoint\" and the "
		       "bundle they "
		       "were taken from, and stays with it as \"runhcs run\" does. Needs the criu "
		       "program.",
	.examples = "  runhcs restore --image-path /var/tmp/web --bundle /srv/web web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.enters_container = true,
	.run = run,
};
