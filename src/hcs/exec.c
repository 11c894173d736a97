/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"
#include "hcs/run_flags.h"

struct values {
	bool detach, interactive, tty, privileged;
	const char *user, *workdir, *detach_keys;
	struct flag_list env, env_files;
};

static const struct flag flags[] = {
	FLAG(BOOL, "detach", 'd', struct values, detach, NULL,
	     "return as soon as the process runs"),
	FLAG(STRING, "detach-keys", 0, struct values, detach_keys, "KEYS",
	     "only \"\", none: a process that exec runs stays with hcs"),
	FLAG(LIST, "env", 'e', struct values, env, "NAME[=VALUE]",
	     "set a variable; a name alone takes the caller's value"),
	FLAG(LIST, "env-file", 0, struct values, env_files, "FILE",
	     "read variables from a file, one a line"),
	FLAG(BOOL, "interactive", 'i', struct values, interactive, NULL, "keep stdin open"),
	FLAG(BOOL, "privileged", 0, struct values, privileged, NULL, "all capabilities"),
	FLAG(BOOL, "tty", 't', struct values, tty, NULL, "give the process a terminal"),
	FLAG(STRING, "user", 'u', struct values, user, "USER[:GROUP]",
	     "user and group, by name or number"),
	FLAG(STRING, "workdir", 'w', struct values, workdir, "DIR",
	     "working directory in the container"),
	FLAGS_END,
};

static int check(const struct values *values, struct error *err)
{
	if (values->tty && values->interactive && !values->detach && !isatty(STDIN_FILENO))
		return error_set(err, ENOTTY, "the input device is not a TTY");
	if (values->detach_keys && *values->detach_keys)
		return error_set(err, ENOTSUP,
				 "--detach-keys: nobody would hold the terminal of a process that "
				 "exec has left; run it with --detach");
	if (values->workdir && *values->workdir && values->workdir[0] != '/')
		return error_set(
			err, EINVAL,
			"the working directory '%s' is invalid, it needs to be an absolute "
			"path",
			values->workdir);
	return 0;
}

static int exec(const struct cli *cli, const struct values *values, const struct flag_args *args,
		int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct service_exec how = {
		.tty = values->tty,
		.interactive = values->interactive,
		.detach = values->detach,
		.privileged = values->privileged,
		.user = values->user && *values->user ? values->user : NULL,
		.workdir = values->workdir && *values->workdir ? values->workdir : NULL,
		.args = args->items + 1,
	};
	struct strv env = { 0 };
	int r = check(values, err);

	if (r == 0)
		r = environment_read(&values->env, &values->env_files, false, &arena, &env, err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r < 0)
		return r;
	how.env = env.len ? (const char *const *)env.items : NULL;
	return service_exec(&service, args->items[0], &how, ret_status, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_exec, argc, argv, &values, &args, err);

	if (r == 0)
		r = exec(cli, &values, &args, ret_status, err);
	flag_list_done(&values.env);
	flag_list_done(&values.env_files);
	return r;
}

const struct cli_command command_exec = {
	.name = "exec",
	.summary = "run another process in a running container",
	.usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
	.description = "Runs COMMAND beside the container's first process and ends with its exit "
		       "status: 126 when it cannot be run, 127 when it is not there.",
	.examples = "  hcs exec -it web sh\n  hcs exec -u 1000 -w /tmp web id\n",
	.flags = flags,
	.min_args = 2,
	.max_args = -1,
	.options_first = true,
	.enters_container = true,
	.run = run,
};
