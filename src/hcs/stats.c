/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "cli/format.h"
#include "cli/units.h"
#include "hcs/hcs.h"
#include "service/usage.h"

#define INTERVAL_MS 1000

struct values {
	bool all, no_stream, no_trunc;
	const char *format;
};

static const struct flag flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL, "containers that do not run, too"),
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "'table' with a template, a template, or 'json'"),
	FLAG(BOOL, "no-stream", 0, struct values, no_stream, NULL, "once, and no more"),
	FLAG(BOOL, "no-trunc", 0, struct values, no_trunc, NULL, "whole ids"),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "ID", "CONTAINER ID" },
	{ "Container", "CONTAINER" },
	{ "Name", "NAME" },
	{ "CPUPerc", "CPU %" },
	{ "MemUsage", "MEM USAGE / LIMIT" },
	{ "MemPerc", "MEM %" },
	{ "NetIO", "NET I/O" },
	{ "BlockIO", "BLOCK I/O" },
	{ "PIDs", "PIDS" },
	{ "Isolation", "ISOLATION" },
	{ "VMMem", "VM OVERHEAD" },
	{ "VMCPUPerc", "VM CPU %" },
	{ NULL, NULL },
};

/* One container, at the last sample and at this one. */
struct watched {
	char *id, *name; /* owned */
	bool known;      /* before is a sample */
	struct usage before;
};

struct watch {
	const struct service *service;
	struct values given;
	char **names; /* asked for; NULL: all that run */
	struct watched *items;
	size_t len;
};

static void watch_done(struct watch *w)
{
	for (size_t i = 0; i < w->len; i++) {
		free(w->items[i].id);
		free(w->items[i].name);
	}
	free(w->items);
}

static struct watched *watched_of(struct watch *w, const struct record *record)
{
	struct watched *items;

	for (size_t i = 0; i < w->len; i++)
		if (strcmp(w->items[i].id, record->id) == 0)
			return &w->items[i];
	items = reallocarray(w->items, w->len + 1, sizeof(*items));
	if (!items)
		return NULL;
	w->items = items;
	items[w->len] = (struct watched){ .id = strdup(record->id), .name = strdup(record->name) };
	if (!items[w->len].id || !items[w->len].name)
		return NULL;
	return &items[w->len++];
}

static json_t *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static json_t *text(const char *fmt, ...)
{
	va_list args;
	char *line;
	json_t *value;
	int r;

	va_start(args, fmt);
	r = vasprintf(&line, fmt, args);
	va_end(args);
	if (r < 0)
		return NULL;
	value = json_string(line);
	free(line);
	return value;
}

static double percent(uint64_t before, uint64_t now, int64_t elapsed)
{
	return elapsed > 0 && now > before ? 100.0 * (double)(now - before) / (double)elapsed : 0;
}

static json_t *pair(uint64_t first, uint64_t second, char *(*units)(uint64_t, char *))
{
	char a[UNITS_SIZE], b[UNITS_SIZE];

	return text("%s / %s", units(first, a), units(second, b));
}

static json_t *row_of(const struct watch *w, const struct watched *item,
		      const struct record *record, const struct usage *now)
{
	const int64_t elapsed = item->known ? now->at - item->before.at : 0;
	const double memory =
		now->memory_limit ? 100.0 * (double)now->memory / (double)now->memory_limit : 0;
	char buf[UNITS_SIZE];
	json_t *row = json_object();

	(void)json_object_set_new(
		row, "ID", w->given.no_trunc ? json_string(record->id) : text("%.12s", record->id));
	(void)json_object_set_new(row, "Container", json_string(record->name));
	(void)json_object_set_new(row, "Name", json_string(record->name));
	(void)json_object_set_new(row, "Isolation",
				  json_string(compute_isolation_name(record->config.isolation)));
	if (!now->at) {
		static const char *const unknown[] = {
			"CPUPerc", "MemUsage", "MemPerc", "NetIO",
			"BlockIO", "PIDs",     "VMMem",   "VMCPUPerc"
		};

		for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
			(void)json_object_set_new(row, unknown[i],
						  json_string(i == 1 ? "-- / --" : "--"));
		return row;
	}
	(void)json_object_set_new(row, "CPUPerc",
				  text("%.2f%%", percent(item->before.cpu, now->cpu, elapsed)));
	(void)json_object_set_new(row, "MemUsage",
				  pair(now->memory, now->memory_limit, units_binary));
	(void)json_object_set_new(row, "MemPerc", text("%.2f%%", memory));
	(void)json_object_set_new(row, "NetIO", pair(now->received, now->sent, units_decimal));
	(void)json_object_set_new(row, "BlockIO", pair(now->read, now->written, units_decimal));
	(void)json_object_set_new(row, "PIDs", text("%llu", (unsigned long long)now->pids));
	(void)json_object_set_new(row, "VMMem",
				  now->vm.set ? json_string(units_binary(now->vm.memory, buf))
					      : json_string("--"));
	(void)json_object_set_new(
		row, "VMCPUPerc",
		now->vm.set ? text("%.2f%%", percent(item->before.vm.cpu, now->vm.cpu, elapsed))
			    : json_string("--"));
	return row;
}

static bool wanted(const struct watch *w, const struct record *record)
{
	if (!w->names)
		return w->given.all || record_is_up(record);
	for (char **name = w->names; *name; name++)
		if (strcmp(*name, record->name) == 0 ||
		    strncmp(record->id, *name, strlen(*name)) == 0)
			return true;
	return false;
}

/* One that ends between the listing and the reading is shown as one that does not run. */
static int sample(struct watch *w, json_t *rows, bool *ret_vm, struct error *err)
{
	struct record *records = NULL;
	size_t len = 0;
	int r = record_list(w->service, &records, &len, err);

	*ret_vm = false;
	for (size_t i = 0; r == 0 && i < len; i++) {
		_cleanup_error_ struct error ignored = ERROR_INIT;
		struct usage now = { 0 };
		struct watched *item;

		if (!wanted(w, &records[i]))
			continue;
		item = watched_of(w, &records[i]);
		if (!item) {
			r = error_oom(err);
			break;
		}
		if (service_usage(w->service, &records[i], &now, &ignored) < 0)
			now = (struct usage){ 0 };
		if (rows)
			(void)json_array_append_new(rows, row_of(w, item, &records[i], &now));
		*ret_vm |= now.vm.set;
		item->known = now.at != 0;
		item->before = now;
	}
	for (size_t i = 0; i < len; i++)
		record_done(&records[i]);
	free(records);
	return r;
}

/* Reading takes the time that is measured: the first sample is there for the second. */
static void wait_interval(void)
{
	(void)poll(NULL, 0, INTERVAL_MS);
}

static int show(struct watch *w, bool clear, struct error *err)
{
	static const char usual[] =
		"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t"
		"{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";
	static const char with_vm[] =
		"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t"
		"{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}\t{{.VMMem}}";
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *rows = json_array();
	bool vm;
	int r = sample(w, rows, &vm, err);

	if (clear)
		output_text(&out, "\033[H\033[2J");
	if (r == 0)
		r = format_rows(w->given.format, vm ? with_vm : usual, headers, rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_(watch_done) struct watch w = { .service = &service };
	struct flag_args args;
	bool vm;
	int r = flags_parse(&command_stats, argc, argv, &w.given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = hcs_open(cli, &service, err);
	for (int i = 0; r == 0 && i < args.len; i++) {
		_cleanup_record_ struct record record = RECORD_INIT;

		r = record_open(&service, args.items[i], RECORD_READ, &record, err);
	}
	w.names = args.len ? args.items : NULL;
	if (r == 0)
		r = sample(&w, NULL, &vm, err);
	while (r == 0) {
		wait_interval();
		r = show(&w, !w.given.no_stream && !w.given.format && isatty(STDOUT_FILENO), err);
		if (w.given.no_stream)
			break;
	}
	return r;
}

const struct cli_command command_stats = {
	.name = "stats",
	.summary = "show what containers use, as it changes",
	.usage = "[OPTIONS] [CONTAINER...]",
	.description =
		"Shows processor time, memory, network and block I/O of running containers, every "
		"second. Of a container with hyperv isolation the figures are its own, as the "
		"guest counts them; VM OVERHEAD is the memory that its utility VM takes on the "
		"host beyond that.",
	.examples = "  hcs stats --no-stream\n"
		    "  hcs stats --no-stream --format '{{.Name}}: {{.MemUsage}}'\n",
	.flags = flags,
	.min_args = 0,
	.max_args = -1,
	.run = run,
};
