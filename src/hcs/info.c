/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "cli/format.h"
#include "cli/units.h"
#include "compute/features.h"
#include "hcs/hcs.h"
#include "service/default_isolation.h"
#include "service/record.h"

struct values {
	const char *format;
};

static const struct flag flags[] = {
	FLAG(STRING, "format", 'f', struct values, format, "FORMAT", "a template, or 'json'"),
	FLAGS_END,
};

struct counts {
	int all, running, paused, stopped;
};

static int count_containers(const struct service *service, struct counts *ret, struct error *err)
{
	struct record *records;
	size_t len;
	int r = record_list(service, &records, &len, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		ret->all++;
		if (records[i].state.status == RECORD_PAUSED)
			ret->paused++;
		else if (record_is_up(&records[i]))
			ret->running++;
		else
			ret->stopped++;
		record_done(&records[i]);
	}
	free(records);
	return 0;
}

static int count_images(const struct service *service, int *ret, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	struct image *images;
	size_t len;
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_store_list(store, &images, &len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		image_done(&images[i]);
	free(images);
	*ret = (int)len;
	return 0;
}

static json_t *document(const struct service *service, const struct counts *counts, int images,
			const struct compute_features *features, enum compute_isolation isolation)
{
	const bool vms = !features->hyperv_missing[0];
	struct utsname name = { 0 };
	struct sysinfo machine = { 0 };
	json_t *json;

	(void)uname(&name);
	(void)sysinfo(&machine);
	json = json_pack(
		"{s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:s, "
		"s:s}",
		"Containers", counts->all, "ContainersRunning", counts->running, "ContainersPaused",
		counts->paused, "ContainersStopped", counts->stopped, "Images", images,
		"ServerVersion", HCS_VERSION, "DefaultIsolation", compute_isolation_name(isolation),
		"LoggingDriver", "json-file", "KernelVersion", name.release, "OSType", "linux",
		"Architecture", name.machine, "Name", name.nodename, "Monitor",
		vms ? features->monitor : "none", "NCPU", get_nprocs(), "MemTotal",
		(json_int_t)((uint64_t)machine.totalram * machine.mem_unit), "RootDir",
		service->root, "RunDir", service->run_root);
	(void)json_object_set_new(json, "Accelerator",
				  json_string(vms ? features->accelerator : "none"));
	(void)json_object_set_new(json, "AcceleratorReason",
				  json_string(!vms ? features->hyperv_missing
					      : features->accelerator_reason
						      ? features->accelerator_reason
						      : ""));
	(void)json_object_set_new(json, "Isolations",
				  vms ? json_pack("[s, s]", "process", "hyperv")
				      : json_pack("[s]", "process"));
	(void)json_object_set_new(json, "Storage",
				  json_pack("{s:s, s:s}", "process", "overlay over directories",
					    "hyperv", "erofs and ext4 block devices"));
	return json;
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int number(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

static void print(const json_t *info, struct output *out)
{
	const char *reason = text(info, "AcceleratorReason");
	char memory[UNITS_SIZE];

	output_format(out,
		      "Containers: %d\n Running: %d\n Paused: %d\n Stopped: %d\nImages: %d\n"
		      "Server Version: %s\n",
		      number(info, "Containers"), number(info, "ContainersRunning"),
		      number(info, "ContainersPaused"), number(info, "ContainersStopped"),
		      number(info, "Images"), text(info, "ServerVersion"));
	output_format(out, "Default Isolation: %s\nIsolations:%s%s\n",
		      text(info, "DefaultIsolation"), " process",
		      json_array_size(json_object_get(info, "Isolations")) > 1 ? " hyperv" : "");
	output_format(out, "Utility VMs:\n Monitor: %s\n Accelerator: %s%s%s%s\n",
		      text(info, "Monitor"), text(info, "Accelerator"), *reason ? " (" : "", reason,
		      *reason ? ")" : "");
	output_format(out, "Storage:\n process: %s\n hyperv: %s\n",
		      text(json_object_get(info, "Storage"), "process"),
		      text(json_object_get(info, "Storage"), "hyperv"));
	output_format(
		out,
		"Logging Driver: %s\nKernel Version: %s\nOSType: %s\nArchitecture: %s\nCPUs: %d\n"
		"Total Memory: %s\nName: %s\nRoot Dir: %s\nRun Dir: %s\n",
		text(info, "LoggingDriver"), text(info, "KernelVersion"), text(info, "OSType"),
		text(info, "Architecture"), number(info, "NCPU"),
		units_binary((uint64_t)json_integer_value(json_object_get(info, "MemTotal")),
			     memory),
		text(info, "Name"), text(info, "RootDir"), text(info, "RunDir"));
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	enum compute_isolation isolation = ISOLATION_PROCESS;
	struct compute_features features = { 0 };
	struct counts counts = { 0 };
	struct values given = { 0 };
	struct flag_args args;
	json_t *json, *rows;
	int images = 0, r = flags_parse(&command_info, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = count_containers(&service, &counts, err);
	if (r == 0)
		r = count_images(&service, &images, err);
	if (r == 0)
		r = service_default_isolation(&service, &isolation, err);
	if (r == 0)
		r = compute_features(&features, err);
	if (r < 0)
		return r;
	json = document(&service, &counts, images, &features, isolation);
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

const struct cli_command command_info = {
	.name = "info",
	.summary = "show what this machine's service has and can do",
	.usage = "[OPTIONS]",
	.flags = flags,
	.run = run,
};
