/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "cli/output.h"
#include "hcsimage/commands.h"
#include "image/reference.h"
#include "image/transfer/load.h"

struct import_flags {
	struct flag_list changes;
	const char *message, *platform;
};

static const struct flag flags[] = {
	FLAG(LIST, "change", 'c', struct import_flags, changes, "LINE",
	     "apply a line of a Dockerfile to the image (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, "
	     "USER, "
	     "VOLUME, WORKDIR, STOPSIGNAL)"),
	FLAG(STRING, "message", 'm', struct import_flags, message, "TEXT",
	     "a comment for the image's history"),
	FLAG(STRING, "platform", 0, struct import_flags, platform, "OS/ARCH[/VARIANT]",
	     "what the files are for (default: the host's platform)"),
	FLAGS_END,
};

static void import_flags_done(struct import_flags *given)
{
	flag_list_done(&given->changes);
}

static int open_input(const char *name, int *ret, struct error *err)
{
	if (strcmp(name, "-") == 0) {
		*ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return *ret < 0 ? error_sys(err, errno, "standard input") : 0;
	}
	if (strstr(name, "://"))
		return error_set(
			err, ENOTSUP,
			"%s: URLs are not imported; fetch it and pipe it to 'hcs import -'", name);
	*ret = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *ret < 0 ? error_sys(err, errno, "%s", name) : 0;
}

static int check_name(const char *text, char **ret, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	int r;

	if (!text)
		return 0;
	r = image_reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.digest)
		return error_set(err, EINVAL, "%s: cannot import digest reference", text);
	*ret = image_reference_name(&ref);
	return *ret ? 0 : error_oom(err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_(import_flags_done) struct import_flags given = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *name = NULL;
	_cleanup_free_ char *id = NULL;
	struct image_platform platform = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_import, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (given.platform)
		r = image_platform_parse(given.platform, &platform, err);
	if (r == 0)
		r = check_name(args.len > 1 ? args.items[1] : NULL, &name, err);
	if (r == 0)
		r = open_input(args.items[0], &fd, err);
	if (r == 0)
		r = image_store_open(cli->root, &store, err);
	if (r == 0)
		r = image_import(store, fd, name, given.message,
				 (const char *const *)given.changes.items, given.changes.len,
				 given.platform ? &platform : NULL, &id, err);
	if (r < 0)
		return r;
	output_format(&out, "%s\n", id);
	return output_flush(&out, err);
}

const struct cli_command command_import = {
	.name = "import",
	.summary = "Make an image of a root file system's tar archive",
	.usage = "[OPTIONS] FILE|- [REPOSITORY[:TAG]]",
	.flags = flags,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
