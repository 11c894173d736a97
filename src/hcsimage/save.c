/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/output.h"
#include "hcsimage/commands.h"
#include "image/transfer/load.h"

struct save_flags {
	const char *output;
};

static const struct flag flags[] = {
	FLAG(STRING, "output", 'o', struct save_flags, output, "FILE",
	     "write to the file, not the standard output"),
	FLAGS_END,
};

/* A file appears whole or not at all; what is there and no file (a pipe) is written to. */
struct target {
	int fd;
	char *temporary; /* NULL: written in place */
};

static void target_done(struct target *target)
{
	target->fd = close_fd(target->fd);
	if (target->temporary)
		(void)unlink(target->temporary);
	free(target->temporary);
}

static int target_open(const char *path, struct target *ret, struct error *err)
{
	struct stat st;
	mode_t mask;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "%s: is a directory", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		ret->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return ret->fd < 0 ? error_sys(err, errno, "%s", path) : 0;
	}
	if (asprintf(&ret->temporary, "%s.XXXXXX", path) < 0) {
		ret->temporary = NULL;
		return error_oom(err);
	}
	ret->fd = mkostemp(ret->temporary, O_CLOEXEC);
	if (ret->fd < 0) {
		const int e = errno;

		free(TAKE_PTR(ret->temporary));
		return error_sys(err, e, "%s", path);
	}
	mask = umask(0);
	(void)umask(mask);
	(void)fchmod(ret->fd, 0666 & ~mask);
	return 0;
}

static int target_finish(struct target *target, const char *path, struct error *err)
{
	if (!target->temporary)
		return 0;
	if (fsync(target->fd) < 0 || rename(target->temporary, path) < 0)
		return error_sys(err, errno, "%s", path);
	free(TAKE_PTR(target->temporary));
	return 0;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_(target_done) struct target target = { .fd = -1 };
	struct save_flags given = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_save, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (!given.output && isatty(STDOUT_FILENO))
		return error_set(
			err, EINVAL,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
	r = image_store_open(cli->root, &store, err);
	if (r == 0 && given.output)
		r = target_open(given.output, &target, err);
	if (r == 0)
		r = image_save(store, (const char *const *)args.items, (size_t)args.len,
			       given.output ? target.fd : STDOUT_FILENO, err);
	if (r == 0 && given.output)
		r = target_finish(&target, given.output, err);
	return r;
}

const struct cli_command command_save = {
	.name = "save",
	.summary = "Save images to a tar archive",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.description = "Writes one archive that docker load and tools for OCI layouts read.",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
