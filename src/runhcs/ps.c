/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/output.h"
#include "compute/processes.h"
#include "runhcs/command.h"

struct values {
	const char *format;
};

static const struct option options[] = {
	OPT_VALUE("format", 'f', struct values, format, "FORMAT",
		  "table (default), or json: the pids alone"),
	OPT_END,
};

static int compare_pids(const void *a, const void *b)
{
	const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void print_json(struct output *out, pid_t *pids, size_t len)
{
	if (len)
		qsort(pids, len, sizeof(*pids), compare_pids);
	put_open(out, NULL, '[');
	for (size_t i = 0; i < len; i++)
		put_signed(out, NULL, pids[i]);
	put_close(out, ']');
	output_text(out, "\n");
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *table = NULL;
	_cleanup_free_ pid_t *pids = NULL;
	struct values given = { .format = "table" };
	struct arguments arguments;
	size_t len;
	int r;

	(void)ret_status;
	r = options_parse(&command_ps, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (strcmp(given.format, "json") == 0) {
		r = compute_pids(&invocation->host, arguments.items[0], &pids, &len, err);
		if (r < 0)
			return r;
		print_json(&out, pids, len);
		return output_flush(&out, err);
	}
	if (strcmp(given.format, "table") != 0)
		return usage_error(&command_ps, err, "--format is table or json, not \"%s\"",
				   given.format);
	r = compute_ps_table(&invocation->host, arguments.items[0], arguments.items + 1, &table,
			     err);
	if (r < 0)
		return r;
	output_text(&out, table);
	return output_flush(&out, err);
}

const struct command command_ps = {
	.name = "ps",
	.summary = "show the processes of a container",
	.usage = "[options] ID [ps options]",
	.description =
		"Shows the container's processes as the host numbers them; with hyperv isolation "
		"as the guest does in the table, and in json those of the host that stand for "
		"them. The table is what the host's ps prints, with the options after "
		"ID (default: -ef), less the processes of others; it must have a PID column.",
	.examples = "  runhcs ps web\n"
		    "  runhcs ps web -o pid,rss,args\n"
		    "  runhcs ps --format json web\n",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.stop_after = 1,
	.run = run,
};
