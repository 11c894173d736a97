/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/table.h"
#include "cli/units.h"
#include "compute/processes.h"
#include "hcs/hcs.h"
#include "service/record.h"

#define NS_PER_MS 1000000
#define COLUMN_MIN 20 /* docker's */

static const struct flag flags[] = { FLAGS_END };

/* "00:00:01.984" */
static void put_time(struct output *out, uint64_t ns)
{
	const uint64_t ms = ns / NS_PER_MS;

	output_format(out, "%02llu:%02llu:%02llu.%03llu", (unsigned long long)(ms / 3600000),
		      (unsigned long long)(ms / 60000 % 60), (unsigned long long)(ms / 1000 % 60),
		      (unsigned long long)(ms % 1000));
}

/* The columns that Windows shows. */
static int print_usage(const struct service *service, const struct record *record,
		       struct output *out, struct error *err)
{
	_cleanup_free_ struct compute_process_usage *list = NULL;
	_cleanup_output_ struct output lines = OUTPUT_INIT;
	size_t len;
	int r = compute_processes(&service->host, record->id, &list, &len, err);

	if (r < 0)
		return r;
	output_text(&lines, "Name\tPID\tCPU\tPrivate Working Set\n");
	for (size_t i = 0; i < len; i++) {
		char size[UNITS_SIZE];

		output_format(&lines, "%s\t%d\t", list[i].name, (int)list[i].pid);
		put_time(&lines, list[i].cpu);
		output_format(&lines, "\t%s\n", units_decimal(list[i].private_, size));
	}
	output_bytes(&lines, "", 1);
	if (lines.failed)
		return error_oom(err);
	table_tabbed(out, lines.data, COLUMN_MIN);
	return 0;
}

/* "-o pid,cmd" may come as one argument, as docker takes it. */
static int print_ps(const struct service *service, const struct record *record, char *const *args,
		    struct output *out, struct error *err)
{
	_cleanup_free_ char *table = NULL;
	int r = compute_ps_table(&service->host, record->id, args, &table, err);

	if (r == 0)
		output_text(out, table);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct flag_args args;
	int r = flags_parse(&command_top, argc, argv, NULL, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = record_open(&service, args.items[0], RECORD_READ, &record, err);
	if (r < 0)
		return r;
	if (record.state.status != RECORD_RUNNING && record.state.status != RECORD_PAUSED)
		return error_set(err, EINVAL, "container %s is not running", record.id);
	r = args.len > 1 ? print_ps(&service, &record, args.items + 1, &out, err)
			 : print_usage(&service, &record, &out, err);
	return r < 0 ? r : output_flush(&out, err);
}

const struct cli_command command_top = {
	.name = "top",
	.summary = "show the processes of a container",
	.usage = "CONTAINER [ps OPTIONS]",
	.description =
		"Shows the processes of a running container: names, pids, processor time and the "
		"memory that is theirs alone. In process isolation the pids are the host's, in "
		"hyperv isolation the guest's. With options of ps, what the host's ps prints of "
		"them.",
	.examples = "  hcs top web\n"
		    "  hcs top web -eo pid,user,args\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.run = run,
};
