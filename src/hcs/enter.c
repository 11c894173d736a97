/* SPDX-License-Identifier: Apache-2.0 */
/* enter: a shell in a container, as Enter-PSSession gives one: needs no network, works in both isolations. */
#include "hcs/hcs.h"

struct values {
	const char *user;
};

static const struct flag flags[] = {
	FLAG(STRING, "user", 'u', struct values, user, "USER[:GROUP]",
	     "user and group, by name or number"),
	FLAGS_END,
};

/* bash would take its prompt from a file of the image; what is set before PS1 is read is ours. */
#define SHELL                                                                                      \
	"if command -v bash >/dev/null 2>&1; then exec bash --norc --noprofile -i; "               \
	"else ENV= exec sh -i; fi"

static int enter(const struct cli *cli, const struct values *values, const char *name,
		 int *ret_status, struct error *err)
{
	static char *const shell[] = { (char *)"/bin/sh", (char *)"-c", (char *)SHELL, NULL };
	_cleanup_service_ struct service service = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_free_ char *prompt = NULL;
	const char *env[] = { NULL, NULL };
	struct service_exec how = {
		.tty = isatty(STDIN_FILENO),
		.interactive = true,
		.user = values->user && *values->user ? values->user : NULL,
		.env = env,
		.args = shell,
	};
	int r = hcs_open(cli, &service, err);

	/* The name, also where a part of the id was given. */
	if (r == 0)
		r = record_open(&service, name, RECORD_READ, &record, err);
	if (r < 0)
		return r;
	/* $PWD is expanded by every shell, bash's \w is not. */
	if (asprintf(&prompt, "PS1=[%s]: $PWD# ", record.name) < 0) {
		prompt = NULL;
		return error_oom(err);
	}
	env[0] = prompt;
	return service_exec(&service, record.id, &how, ret_status, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_enter, argc, argv, &values, &args, err);

	return r ? r : enter(cli, &values, args.items[0], ret_status, err);
}

const struct cli_command command_enter = {
	.name = "enter",
	.summary = "open a shell in a running container",
	.usage = "[OPTIONS] CONTAINER",
	.description = "Opens a shell in the container, with its name as the prompt: [NAME]. The "
		       "container needs no network for that.",
	.examples = "  hcs enter web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.enters_container = true,
	.run = run,
};
