/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"
#include "hcs/run_flags.h"
#include "service/detach_keys.h"

#define FAILED_STATUS 125 /* docker's, of what failed before there was a process */

static int check_terminal(const struct run_flags *flags, struct error *err)
{
	/* Without a terminal here nobody would see what is typed, nor its size. */
	if (flags->tty && flags->interactive && !flags->detach && !isatty(STDIN_FILENO)) {
		int r = error_set(err, ENOTTY, "the input device is not a TTY");

		err->exit_status = EXIT_FAILURE;
		return r;
	}
	return 0;
}

static int run_detached(const struct service *service, const char *id, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	int status, r;
	bool detached;

	r = service_start(service, id, NULL, &status, &detached, err);
	if (r < 0)
		return r;
	output_format(&out, "%s\n", id);
	return output_flush(&out, err);
}

static int run_attached(const struct service *service, const char *id,
			const struct run_flags *flags, const struct create_seen *seen,
			int *ret_status, struct error *err)
{
	const struct service_attach attach = {
		.stdin_ = seen->attach_stdin,
		.stdout_ = seen->attach_stdout,
		.stderr_ = seen->attach_stderr,
		/* A terminal's signals are keys. */
		.sig_proxy = flags->sig_proxy && !seen->tty,
		.detach_keys = flags->detach_keys,
	};
	bool detached = false;
	int r = service_start(service, id, &attach, ret_status, &detached, err);

	if (r == 0 && detached)
		*ret_status = 0;
	return r;
}

static int create_and_start(const struct cli *cli, const struct run_flags *flags,
			    const struct flag_args *args, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_free_ char *id = NULL;
	struct detach_keys keys;
	struct create_seen seen;
	int r = check_terminal(flags, err);

	/* Before there is a container that would be left. */
	if (r == 0)
		r = detach_keys_parse(flags->detach_keys, &keys, err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = hcs_create(cli, &command_run, flags, args, &service, &seen, &id, err);
	if (r < 0)
		return r;
	r = flags->detach ? run_detached(&service, id, err)
			  : run_attached(&service, id, flags, &seen, ret_status, err);
	/* What did not start has no end at which it would be removed. */
	if (r < 0 && seen.auto_remove)
		(void)service_remove(&service, id, true, true, &ignored);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_run_flags_ struct run_flags flags = RUN_FLAGS_INIT;
	struct flag_args args;
	int r = flags_parse(&command_run, argc, argv, &flags, &args, err);

	if (r == 0)
		r = create_and_start(cli, &flags, &args, ret_status, err);
	if (r < 0 && !err->exit_status)
		err->exit_status = FAILED_STATUS;
	return r;
}

const struct cli_command command_run = {
	.name = "run",
	.summary = "make a container from an image and start it",
	.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.description = "Makes a container and runs COMMAND, or what the image says, in it, in "
		       "process isolation "
		       "or with --isolation hyperv in a utility VM of its own. Ends with the exit "
		       "status of the "
		       "process: 125 when hcs failed, 126 when the command cannot be run, 127 when "
		       "it is not "
		       "there. The image is pulled if it is not here.",
	.examples = "  hcs run -it --rm nano sh\n"
		    "  hcs run -d --name web -p 8080:80 --isolation hyperv nano httpd -f\n",
	.flags = run_flags_table,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.run = run,
};
