/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/features.h"
#include "oci/features.h"
#include "runhcs/command.h"
#include "cli/output.h"

/* Annotations are where the document has room for what a runtime wants to say. */
static char *features_json(const struct compute_features *here)
{
	struct {
		const char *key, *value;
	} const said[] = {
		{ "io.hcs.isolations", here->hyperv_missing[0] ? "process" : "process,hyperv" },
		{ "io.hcs.hyperv.missing", here->hyperv_missing },
		{ "io.hcs.hyperv.monitor", here->monitor },
		{ "io.hcs.hyperv.accelerator", here->accelerator },
		{ "io.hcs.hyperv.accelerator.reason", here->accelerator_reason },
	};
	struct key_value items[ARRAY_SIZE(said)];
	struct key_values annotations = { .items = items };

	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (said[i].value && said[i].value[0])
			items[annotations.len++] =
				(struct key_value){ (char *)(uintptr_t)said[i].key,
						    (char *)(uintptr_t)said[i].value };
	return oci_features(&annotations);
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *json = NULL;
	struct compute_features here = { 0 };
	struct arguments arguments;
	int r;

	r = options_parse(&command_features, argc, argv, NULL, &arguments, err);
	if (r)
		return r;
	r = compute_features(&here, err);
	if (r < 0)
		return r;
	(void)invocation;
	(void)ret_status;
	json = features_json(&here);
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
		"to this program whatever the host offers. Annotations that begin with io.hcs. say "
		"which isolations there are on this machine, and of hyperv the monitor, the "
		"accelerator and why that is not KVM.",
	.run = run,
};
