/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "cli/output.h"
#include "hcsimage/commands.h"
#include "hcsimage/progress.h"
#include "image/reference.h"
#include "image/transfer/load.h"

struct load_flags {
	const char *input, *platform;
	bool quiet;
};

static const struct flag flags[] = {
	FLAG(STRING, "input", 'i', struct load_flags, input, "FILE",
	     "read from the file (or directory of an OCI layout), not the standard input"),
	FLAG(STRING, "platform", 0, struct load_flags, platform, "OS/ARCH[/VARIANT]",
	     "the platform, where there are several (default: the host's)"),
	FLAG(BOOL, "quiet", 'q', struct load_flags, quiet, NULL, "show no progress"),
	FLAGS_END,
};

static void loaded(const char *name, void *data)
{
	struct output *out = data;

	output_format(out, "Loaded image%s: %s\n", image_digest_valid(name) ? " ID" : "", name);
}

static int open_input(const struct load_flags *given, int *ret, struct error *err)
{
	if (!given->input) {
		if (isatty(STDIN_FILENO))
			return error_set(err, EINVAL,
					 "requested load from stdin, but stdin is empty");
		*ret = STDIN_FILENO;
		return 0;
	}
	*ret = open(given->input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *ret < 0 ? error_sys(err, errno, "%s", given->input) : 0;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct image_platform platform = { 0 };
	struct image_progress steps;
	struct load_flags given = { 0 };
	struct flag_args args;
	int fd = -1, r = flags_parse(&command_load, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (given.platform)
		r = image_platform_parse(given.platform, &platform, err);
	if (r == 0)
		r = open_input(&given, &fd, err);
	if (r < 0)
		return r;
	r = image_store_open(cli->root, &store, err);
	progress_begin(&progress, given.quiet || !isatty(STDOUT_FILENO));
	steps = progress_steps(&progress);
	if (r == 0)
		r = image_load(store, fd, given.platform ? &platform : NULL, &steps, loaded, &out,
			       err);
	if (given.input)
		fd = close_fd(fd);
	/* What was loaded before a failure is there, and said. */
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)output_flush(&out, &ignored);
		return r;
	}
	return output_flush(&out, err);
}

const struct cli_command command_load = {
	.name = "load",
	.summary = "Load images from an archive",
	.usage = "[OPTIONS]",
	.description = "Reads images from an archive made by save, or from an OCI layout: a tar "
		       "file, plain "
		       "or compressed, or a directory.",
	.flags = flags,
	.run = run,
};
