/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

struct values {
	bool attach, interactive;
	int sig_proxy;
	const char *detach_keys, *checkpoint, *checkpoint_dir;
};

static const struct flag flags[] = {
	FLAG(BOOL, "attach", 'a', struct values, attach, NULL,
	     "attach to stdout and stderr, pass on signals and the exit status"),
	FLAG(STRING, "detach-keys", 0, struct values, detach_keys, "KEYS",
	     "keys that detach from the container (default ctrl-p,ctrl-q)"),
	FLAG(BOOL, "interactive", 'i', struct values, interactive, NULL, "attach stdin too"),
	FLAG(TRI, "sig-proxy", 0, struct values, sig_proxy, NULL,
	     "with --attach: pass signals on (default true)"),
	FLAG(STRING, "checkpoint", 0, struct values, checkpoint, "", NULL),
	FLAG(STRING, "checkpoint-dir", 0, struct values, checkpoint_dir, "", NULL),
	FLAGS_END,
};

static int start_one(const struct service *service, const char *name, void *data, struct error *err)
{
	int status;
	bool detached;

	(void)data;
	return service_start(service, name, NULL, &status, &detached, err);
}

static int start_attached(const struct cli *cli, const char *name, const struct values *values,
			  int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	const struct service_attach attach = {
		.stdin_ = values->interactive,
		.stdout_ = true,
		.stderr_ = true,
		.sig_proxy = values->sig_proxy,
		.detach_keys = values->detach_keys,
	};
	bool detached = false;
	int r = hcs_open(cli, &service, err);

	return r < 0 ? r : service_start(&service, name, &attach, ret_status, &detached, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { .sig_proxy = 1 };
	struct flag_args args;
	int r = flags_parse(&command_start, argc, argv, &values, &args, err);

	if (r)
		return r;
	if (values.checkpoint || values.checkpoint_dir)
		return error_set(err, ENOTSUP, "--checkpoint is not supported; use runhcs restore");
	if (!values.attach && !values.interactive)
		return each_container(cli, &args, start_one, NULL, ret_status, err);
	if (args.len > 1)
		return error_set(err, EINVAL,
				 "you cannot start and attach multiple containers at once");
	return start_attached(cli, args.items[0], &values, ret_status, err);
}

const struct cli_command command_start = {
	.name = "start",
	.summary = "start containers that were created or have stopped",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.examples = "  hcs start web db\n  hcs start -ai shell\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
