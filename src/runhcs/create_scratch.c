/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/scratch.h"
#include "runhcs/command.h"
#include "cli/number.h"

struct values {
	const char *path, *size, *from;
};

static const struct option options[] = {
	OPT_VALUE("destpath", 0, struct values, path, "FILE", "file to make (required)"),
	OPT_VALUE("sizeGB", 0, struct values, size, "N",
		  "room in it, in GB of 1024^3 bytes (default: 20)"),
	OPT_VALUE("from", 0, struct values, from, "DIR",
		  "directory to copy into it: the \"upper\" of a scratch that is a directory"),
	OPT_END,
};

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	uint64_t size = COMPUTE_SCRATCH_GB_DEFAULT;
	struct values given = { 0 };
	struct arguments arguments;
	int r;

	(void)invocation;
	(void)ret_status;
	r = options_parse(&command_create_scratch, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (!given.path || !*given.path)
		return usage_error(&command_create_scratch, err, "--destpath is required");
	if (given.size) {
		r = option_unsigned("--sizeGB", given.size, COMPUTE_SCRATCH_GB_MIN,
				    COMPUTE_SCRATCH_GB_MAX, &size, err);
		if (r < 0)
			return r;
	}
	if (given.from)
		return compute_create_scratch_from(given.path, size, given.from, err);
	return compute_create_scratch(given.path, size, err);
}

const struct command command_create_scratch = {
	.name = "create-scratch",
	.summary = "make a scratch for a container of layers",
	.usage = "--destpath FILE [--sizeGB N] [--from DIR]",
	.description = "Makes a file with an empty ext4 file system: a scratch, for the last of "
		       "windows.layerFolders. It takes room as it is written to. An existing file "
		       "is not touched. Needs mkfs.ext4.",
	.examples = "  runhcs create-scratch --destpath /var/lib/scratch/web.ext4 --sizeGB 10\n",
	.options = options,
	.run = run,
};
