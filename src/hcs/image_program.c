/* SPDX-License-Identifier: Apache-2.0 */
/* The program hcs-image: what needs registries, archives and digests, in our place or for us. */
#include <string.h>

#include "base/libexec.h"
#include "base/subprocess.h"
#include "hcs/hcs.h"

#define PROGRAM "hcs-image"

int image_program_exec(const struct cli *cli, char **argv, struct error *err)
{
	_cleanup_free_ char *path = libexec_path(PROGRAM);
	_cleanup_free_ char **args = NULL;
	size_t n = 0;

	while (argv[n])
		n++;
	args = calloc(n + 5, sizeof(*args));
	if (!path || !args)
		return error_oom(err);
	args[0] = (char *)PROGRAM;
	args[1] = (char *)"--root";
	args[2] = (char *)cli->root;
	memcpy(args + 3, argv, n * sizeof(*args));
	(void)execv(path, args);
	return error_sys(err, errno, "run %s", path);
}

static int pull(const struct cli *cli, const char *name, const char *platform, bool quiet,
		struct error *err)
{
	_cleanup_free_ char *path = libexec_path(PROGRAM);
	const char *argv[9] = { PROGRAM, "--root", cli->root, "pull" };
	/* Where it goes on is told on the standard error: ours is the container's output. */
	struct subprocess sp = {
		.path = path,
		.argv = (char *const *)argv,
		.timeout_ms = -1,
		.stdout_fd = STDERR_FILENO,
		.stderr_fd = STDERR_FILENO,
		.cwd_fd = -1,
	};
	size_t n = 4;
	int r;

	if (!path)
		return error_oom(err);
	if (quiet)
		argv[n++] = "--quiet";
	if (platform) {
		argv[n++] = "--platform";
		argv[n++] = platform;
	}
	argv[n++] = name;
	r = subprocess_run(&sp, NULL, err);
	if (r < 0)
		return error_wrap(err, r, "run %s", path);
	/* It has said why. */
	return r == 0 ? 0 : error_set(err, EIO, "%s could not be pulled", name);
}

int image_get(const struct cli *cli, struct image_store *store, const char *name,
	      const char *platform, const char *when, bool quiet, struct image *ret,
	      struct error *err)
{
	struct image_platform wanted = { 0 };
	_cleanup_error_ struct error missing = ERROR_INIT;
	int r;

	if (!when || !*when)
		when = "missing";
	if (strcmp(when, "missing") != 0 && strcmp(when, "always") != 0 &&
	    strcmp(when, "never") != 0)
		return error_set(
			err, EINVAL,
			"invalid pull option: '%s': must be one of \"always\", \"missing\" or "
			"\"never\"",
			when);
	if (platform && !*platform)
		platform = NULL;
	r = platform ? image_platform_parse(platform, &wanted, err) : 0;
	if (r < 0)
		return r;
	if (strcmp(when, "always") != 0) {
		r = image_store_find(store, name, platform ? &wanted : NULL, ret, &missing);
		if (r != -ENOENT || strcmp(when, "never") == 0) {
			if (r < 0)
				error_move(err, &missing);
			return r;
		}
		if (!quiet) {
			_cleanup_free_ char *line = NULL;

			if (asprintf(&line, "Unable to find image '%s' locally", name) < 0)
				line = NULL;
			else
				hcs_report(line);
		}
	}
	r = pull(cli, name, platform, quiet, err);
	return r < 0 ? r : image_store_find(store, name, platform ? &wanted : NULL, ret, err);
}
