/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "hcs/hcs.h"
#include "service/changes.h"

static const struct flag flags[] = { FLAGS_END };

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	static const char letters[] = {
		[CHANGE_MODIFIED] = 'C', [CHANGE_ADDED] = 'A', [CHANGE_DELETED] = 'D'
	};
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct change *changes = NULL;
	struct flag_args args;
	size_t len = 0;
	int r = flags_parse(&command_diff, argc, argv, NULL, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_changes(&service, args.items[0], &changes, &len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		output_format(&out, "%c ", letters[changes[i].kind]);
		/* To a program it is the name as it is. */
		if (isatty(STDOUT_FILENO))
			output_printable(&out, changes[i].path, strlen(changes[i].path));
		else
			output_text(&out, changes[i].path);
		output_text(&out, "\n");
	}
	changes_free(changes, len);
	return output_flush(&out, err);
}

const struct cli_command command_diff = {
	.name = "diff",
	.summary = "show what a container has changed of its image",
	.usage = "CONTAINER",
	.description =
		"Prints a line for each file and directory that the container has added (A), "
		"changed (C) or deleted (D).",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
