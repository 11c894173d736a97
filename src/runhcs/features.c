/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/features.h"
#include "runhcs/command.h"
#include "runhcs/output.h"

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *json = NULL;
	struct arguments arguments;
	int r;

	(void)invocation;
	(void)ret_status;
	r = options_parse(&command_features, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	json = oci_features();
	if (!json)
		return error_oom(err);
	output_text(&out, json);
	if (out.len && out.data[out.len - 1] != '\n')
		output_text(&out, "\n");
	return output_flush(&out, err);
}

const struct command command_features = {
	.name = "features",
	.summary = "show what this runtime supports, as JSON",
	.usage = "",
	.description =
		"Prints the features document of the runtime specification: versions, hooks, mount "
		"options, namespaces, capabilities, cgroups, seccomp and more, as they are known "
		"to "
		"this program whatever the host offers.",
	.run = run,
};
