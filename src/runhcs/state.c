/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "cli/output.h"

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_(compute_state_done) struct compute_state state = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *json = NULL;
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_state, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	r = compute_state(&invocation->host, arguments.items[0], &state, err);
	if (r < 0)
		return r;
	json = compute_state_json(&state);
	if (!json)
		return error_oom(err);
	output_text(&out, json);
	if (out.len && out.data[out.len - 1] != '\n')
		output_text(&out, "\n");
	return output_flush(&out, err);
}

const struct command command_state = {
	.name = "state",
	.summary = "show the state of a container as JSON",
	.usage = "ID",
	.description =
		"Prints the state document of the runtime specification (ociVersion, id, status, "
		"pid, bundle, annotations), with rootfs, created, owner and isolation added, and "
		"with hyperv isolation vm (monitor, accelerator, kernel, host) and, when its VM's "
		"end stopped the container, the reason of that. The status is creating, created, "
		"running, paused or stopped.",
	.examples = "  runhcs state web\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
