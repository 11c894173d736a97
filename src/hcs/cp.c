/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "hcs/hcs.h"
#include "service/copy.h"

struct values {
	bool archive, follow, quiet;
};

static const struct flag flags[] = {
	FLAG(BOOL, "archive", 'a', struct values, archive, NULL,
	     "keep owners, and what gives rights"),
	FLAG(BOOL, "follow-link", 'L', struct values, follow, NULL,
	     "copy what a link points to that SRC_PATH names"),
	FLAG(BOOL, "quiet", 'q', struct values, quiet, NULL, "accepted; nothing is printed anyway"),
	FLAGS_END,
};

/* "NAME:PATH" names a container, unless what is before the colon can only be a path. Splits arg. */
static bool split(char *arg, const char **ret_container, const char **ret_path)
{
	char *colon = strchr(arg, ':');

	if (!colon || colon == arg || arg[0] == '.' || memchr(arg, '/', (size_t)(colon - arg)))
		return false;
	*colon = '\0';
	*ret_container = arg;
	*ret_path = colon + 1;
	return true;
}

static int parse(char **args, struct service_copy *copy, struct error *err)
{
	const char *from = NULL, *to = NULL, *from_path, *to_path;
	const bool is_from = split(args[0], &from, &from_path),
		   is_to = split(args[1], &to, &to_path);

	if (is_from && is_to)
		return flags_error(&command_cp, err, "copying between containers is not supported");
	if (!is_from && !is_to)
		return flags_error(&command_cp, err,
				   "one of the two must be in a container: CONTAINER:PATH");
	copy->to_container = is_to;
	copy->container = is_to ? to : from;
	copy->path = is_to ? to_path : from_path;
	copy->local = is_to ? args[0] : args[1];
	if (strcmp(copy->local, "-") == 0)
		copy->local = NULL;
	if (!*copy->path)
		return flags_error(&command_cp, err, "%s: names no path", copy->container);
	return 0;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	struct service_copy copy = { 0 };
	struct values v = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_cp, argc, argv, &v, &args, err);

	(void)ret_status;
	if (r == 0)
		r = parse(args.items, &copy, err);
	if (r != 0)
		return r;
	copy.archive = v.archive;
	copy.follow = v.follow;
	if (!copy.local && !copy.to_container && isatty(STDOUT_FILENO))
		return error_set(
			err, EINVAL,
			"refusing to write a tar archive to a terminal: redirect the output");
	r = hcs_open(cli, &service, err);
	return r < 0 ? r : service_copy(&service, &copy, err);
}

const struct cli_command command_cp = {
	.name = "cp",
	.summary = "copy files between a container and the host",
	.usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
		 "        hcs cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
	.description =
		"Copies files and directories, of running and stopped containers alike. \"-\" "
		"is a tar archive on the standard output or input. \"SRC_PATH/.\" is what a "
		"directory has, without the directory itself.",
	.examples = "  hcs cp web:/etc/nginx/nginx.conf .\n"
		    "  hcs cp site/. web:/usr/share/nginx/html\n"
		    "  hcs cp web:/var/log - | tar -t\n",
	.flags = flags,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
