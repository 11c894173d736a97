/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

struct values {
	bool no_stdin;
	int sig_proxy;
	const char *detach_keys;
};

static const struct flag flags[] = {
	FLAG(STRING, "detach-keys", 0, struct values, detach_keys, "KEYS",
	     "keys that detach from the container (default ctrl-p,ctrl-q)"),
	FLAG(BOOL, "no-stdin", 0, struct values, no_stdin, NULL, "do not attach stdin"),
	FLAG(TRI, "sig-proxy", 0, struct values, sig_proxy, NULL, "pass signals on (default true)"),
	FLAGS_END,
};

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	struct values values = { .sig_proxy = 1 };
	struct service_attach attach;
	struct flag_args args;
	bool detached = false;
	int r = flags_parse(&command_attach, argc, argv, &values, &args, err);

	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r)
		return r;
	attach = (struct service_attach){
		.stdin_ = !values.no_stdin,
		.stdout_ = true,
		.stderr_ = true,
		.sig_proxy = values.sig_proxy,
		.detach_keys = values.detach_keys,
	};
	return service_attach(&service, args.items[0], &attach, ret_status, &detached, err);
}

const struct cli_command command_attach = {
	.name = "attach",
	.summary = "attach the terminal to a running container",
	.usage = "[OPTIONS] CONTAINER",
	.description =
		"Attaches stdin, stdout and stderr to those of the container's first process, "
		"until it ends (its exit status is passed on) or the detach keys are typed.",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
