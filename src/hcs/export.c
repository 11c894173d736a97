/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hcs/hcs.h"
#include "service/files.h"

struct values {
	const char *output;
};

static const struct flag flags[] = {
	FLAG(STRING, "output", 'o', struct values, output, "FILE",
	     "write to FILE, not to the standard output"),
	FLAGS_END,
};

/* Beside the file, and renamed when it is whole: a broken archive never has its name. A name that nobody
 * could have put a link at before, in a directory that is everybody's. */
struct target {
	char *part; /* owned; NULL: written to as it is */
	const char *path;
	int fd;
};

static int target_open(const char *path, struct target *target, struct error *err)
{
	struct stat st;

	if (!path) {
		target->fd = STDOUT_FILENO;
		return isatty(STDOUT_FILENO)
			       ? error_set(err, EINVAL,
					   "refusing to write a tar archive to a terminal: use -o "
					   "FILE, or redirect the output")
			       : 0;
	}
	target->path = path;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "%s: is a directory", path);
	/* A device or FIFO is written to, not replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		target->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return target->fd < 0 ? error_sys(err, errno, "%s", path) : 0;
	}
	if (asprintf(&target->part, "%s.XXXXXX", path) < 0) {
		target->part = NULL;
		return error_oom(err);
	}
	target->fd = mkostemp(target->part, O_CLOEXEC);
	if (target->fd < 0) {
		const int code = errno;

		free(TAKE_PTR(target->part));
		return error_sys(err, code, "%s", path);
	}
	return 0;
}

static int target_close(struct target *target, int r, struct error *err)
{
	if (!target->part)
		return r;
	if (target->fd >= 0 && close(target->fd) < 0 && r == 0)
		r = error_sys(err, errno, "%s", target->part);
	if (r == 0 && rename(target->part, target->path) < 0)
		r = error_sys(err, errno, "%s", target->path);
	if (r < 0)
		(void)unlink(target->part);
	free(target->part);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_service_files_ struct service_files files = SERVICE_FILES_INIT;
	struct container_files what = { .kind = CONTAINER_FILES_PACK, .path = "/" };
	struct target target = { .fd = -1 };
	struct values v = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_export, argc, argv, &v, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_files_open(&service, args.items[0], &files, err);
	if (r == 0)
		r = target_open(v.output, &target, err);
	what.fd = target.fd;
	if (r == 0)
		r = service_files(&files, &what, err);
	return target_close(&target, r, err);
}

const struct cli_command command_export = {
	.name = "export",
	.summary = "write a container's file system as a tar archive",
	.usage = "[OPTIONS] CONTAINER",
	.description =
		"Writes what the container's root file system has, without what is mounted in "
		"it: image and changes, but no volumes.",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
