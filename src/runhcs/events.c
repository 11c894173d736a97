/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "cli/number.h"
#include "cli/output.h"
#include "runhcs/stats_json.h"

#define DEFAULT_INTERVAL "5s"
#define NS_PER_MS 1000000

struct values {
	const char *interval;
	bool stats;
};

static const struct option options[] = {
	OPT_FLAG("stats", 0, struct values, stats, "show the statistics once and end"),
	OPT_VALUE("interval", 0, struct values, interval, "TIME",
		  "time between statistics, such as 500ms, 5s (default) or 1m30s"),
	OPT_END,
};

static int print_event(const char *id, const char *type, const struct cgroup_stats *stats,
		       const struct compute_vm_stats *vm, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	put_open(&out, NULL, '{');
	put_string(&out, "type", type);
	put_string(&out, "id", id);
	if (stats)
		stats_json(&out, "data", stats, vm);
	put_close(&out, '}');
	output_text(&out, "\n");
	return output_flush(&out, err);
}

static int on_event(const char *type, const struct cgroup_stats *stats,
		    const struct compute_vm_stats *vm, void *data, struct error *err)
{
	return print_event(data, type, stats, vm, err);
}

static int parse_interval(const char *text, int *ret_ms, struct error *err)
{
	int64_t ns, ms;

	if (number_duration(text, &ns) < 0 || ns <= 0)
		return usage_error(&command_events, err,
				   "--interval is a time above 0 such as 500ms, 5s or 1m30s, "
				   "not \"%s\"",
				   text);
	ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
	if (ms > INT32_MAX)
		return usage_error(&command_events, err,
				   "--interval %s is too long (24 days at "
				   "most)",
				   text);
	*ret_ms = (int)ms;
	return 0;
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_(cgroup_stats_done) struct cgroup_stats stats = { 0 };
	struct compute_vm_stats vm = { 0 };
	struct values given = { .interval = DEFAULT_INTERVAL };
	struct arguments arguments;
	int interval_ms = 0;
	char *id;
	int r;

	(void)ret_status;
	r = options_parse(&command_events, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	id = arguments.items[0];
	r = parse_interval(given.interval, &interval_ms, err);
	if (r < 0)
		return r;
	if (!given.stats)
		return compute_events(&invocation->host, id, interval_ms, on_event, id, err);
	r = compute_stats(&invocation->host, id, &stats, err);
	if (r < 0)
		return r;
	r = compute_vm_stats(&invocation->host, id, &vm, err);
	return r < 0 ? r : print_event(id, "stats", &stats, &vm, err);
}

const struct command command_events = {
	.name = "events",
	.summary = "show a container's statistics and OOM kills as JSON lines",
	.usage = "[options] ID",
	.description =
		"Prints one JSON object a line until the container ends: type \"stats\" with what "
		"its cgroups count, every interval, and type \"oom\" whenever the kernel has "
		"killed "
		"a process of it for want of memory.",
	.examples = "  runhcs events --interval 1s web\n"
		    "  runhcs events --stats web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
