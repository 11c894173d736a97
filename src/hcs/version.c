/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/utsname.h>

#include "cli/format.h"
#include "compute/features.h"
#include "hcs/hcs.h"
#include "image/platform.h"
#include "service/default_isolation.h"

struct values {
	const char *format;
};

static const struct flag flags[] = {
	FLAG(STRING, "format", 'f', struct values, format, "FORMAT", "a template, or 'json'"),
	FLAGS_END,
};

/* What docker shows of two programs is here one: there is no daemon. */
static json_t *document(const struct compute_features *features, const char *isolation)
{
	const struct image_platform platform = image_platform_host();
	struct utsname name = { 0 };

	(void)uname(&name);
	return json_pack("{s:{s:s, s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}",
			 "Client", "Version", HCS_VERSION, "Os", platform.os, "Arch",
			 platform.architecture, "Context", "default", "Server", "Version",
			 HCS_VERSION, "OCIVersion", "1.3.0", "Os", platform.os, "Arch",
			 platform.architecture, "KernelVersion", name.release, "DefaultIsolation",
			 isolation, "Monitor", features->monitor, "Accelerator",
			 features->hyperv_missing[0] ? "none" : features->accelerator);
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print(const json_t *document_, struct output *out)
{
	const json_t *client = json_object_get(document_, "Client");
	const json_t *server = json_object_get(document_, "Server");

	output_format(out,
		      "Client:\n"
		      " Version:           %s\n"
		      " OS/Arch:           %s/%s\n"
		      " Context:           %s\n"
		      "\n",
		      text(client, "Version"), text(client, "Os"), text(client, "Arch"),
		      text(client, "Context"));
	output_format(out,
		      "Server: hcs (no daemon)\n"
		      " Engine:\n"
		      "  Version:          %s\n"
		      "  OCI version:      %s\n"
		      "  OS/Arch:          %s/%s\n"
		      "  Kernel:           %s\n"
		      "  Default isolation: %s\n"
		      " Utility VMs:\n"
		      "  Monitor:          %s\n"
		      "  Accelerator:      %s\n",
		      text(server, "Version"), text(server, "OCIVersion"), text(server, "Os"),
		      text(server, "Arch"), text(server, "KernelVersion"),
		      text(server, "DefaultIsolation"), text(server, "Monitor"),
		      text(server, "Accelerator"));
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	enum compute_isolation isolation = ISOLATION_PROCESS;
	struct compute_features features = { 0 };
	struct values given = { 0 };
	struct flag_args args;
	json_t *json, *rows;
	int r = flags_parse(&command_version, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_default_isolation(&service, &isolation, err);
	if (r == 0)
		r = compute_features(&features, err);
	if (r < 0)
		return r;
	json = document(&features, compute_isolation_name(isolation));
	if (!json)
		return error_oom(err);
	rows = json_pack("[o]", json);
	if (given.format)
		r = format_rows(given.format, NULL, NULL, rows, &out, err);
	else
		print(json, &out);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

const struct cli_command command_version = {
	.name = "version",
	.summary = "show the version of hcs",
	.usage = "[OPTIONS]",
	.flags = flags,
	.run = run,
};
