/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/checkpoint_options.h"

static const struct option options[] = {
	CRIU_OPTIONS_COMMON,
	CRIU_FLAG("leave-running", leave_running, "let the container go on afterwards"),
	CRIU_FLAG("pre-dump", pre_dump, "memory only, in advance; the container goes on"),
	CRIU_VALUE("parent-path", parent_path, "DIR",
		   "images of an earlier --pre-dump, relative to the image directory"),
	CRIU_VALUE("page-server", page_server, "ADDRESS:PORT", "send memory to a CRIU page server"),
	CRIU_VALUE("status-fd", status_fd, "FD",
		   "CRIU writes a NUL to it when --lazy-pages is ready"),
	OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	struct checkpoint_options given = { 0 };
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_checkpoint, argc, argv, &given, &arguments, err);
	if (!r)
		r = checkpoint_options_check(&command_checkpoint, &given, err);
	if (!r)
		r = compute_checkpoint(&invocation->host, arguments.items[0], &given.criu, err);
	string_list_done(&given.empty_ns);
	return r;
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.summary = "save a running container to files (with CRIU)",
	.usage = "[options] ID",
	.description =
		"Writes the processes of a running container to image files, from which \"runhcs "
		"restore\" brings them back. The container ends, unless --leave-running is given. "
		"Needs the criu program.",
	.examples = "  runhcs checkpoint --image-path /var/tmp/web web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
