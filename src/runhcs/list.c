/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runhcs/command.h"
#include "cli/output.h"
#include "runhcs/state_list.h"
#include "cli/table.h"

#define COLUMNS 7

struct values {
	const char *format;
	bool quiet;
};

static const struct option options[] = {
	OPT_VALUE("format", 'f', struct values, format, "FORMAT", "table (default) or json"),
	OPT_FLAG("quiet", 'q', struct values, quiet, "ids only"),
	OPT_END,
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int print_table(struct output *out, const struct state_list *list, struct error *err)
{
	static const char *const titles[COLUMNS] = { "ID",      "PID",   "STATUS",   "BUNDLE",
						     "CREATED", "OWNER", "ISOLATION" };
	_cleanup_free_ const char **cells = calloc(list->len + 1, sizeof(titles));
	_cleanup_free_ char(*pids)[16] = calloc(list->len + 1, sizeof(*pids));

	if (!cells || !pids)
		return error_oom(err);
	memcpy(cells, titles, sizeof(titles));
	for (size_t i = 0; i < list->len; i++) {
		const struct compute_state *s = &list->items[i];
		const char **row = &cells[(i + 1) * COLUMNS];

		(void)snprintf(pids[i], sizeof(pids[i]), "%d", (int)s->pid);
		row[0] = s->id;
		row[1] = pids[i];
		row[2] = compute_status_name(s->status);
		row[3] = or_empty(s->bundle);
		row[4] = or_empty(s->created);
		row[5] = or_empty(s->owner);
		row[6] = compute_isolation_name(s->isolation);
	}
	table_print(out, cells, list->len + 1, COLUMNS);
	return 0;
}

static void print_annotations(struct output *out, const struct compute_host *host, const char *id)
{
	_cleanup_(compute_state_done) struct compute_state state = { 0 };
	_cleanup_error_ struct error gone = ERROR_INIT; /* deleted meanwhile: it has none */

	if (compute_state(host, id, &state, &gone) < 0 || !state.annotations_len)
		return;
	put_open(out, "annotations", '{');
	for (size_t i = 0; i < state.annotations_len; i++)
		put_string(out, state.annotations[i].key, state.annotations[i].value);
	put_close(out, '}');
}

static void print_vm(struct output *out, const struct compute_state *s)
{
	if (s->monitor) {
		put_open(out, "vm", '{');
		put_string(out, "monitor", s->monitor);
		put_string(out, "accelerator", or_empty(s->accelerator));
		put_string(out, "kernel", or_empty(s->kernel));
		if (s->vm_host)
			put_string(out, "host", s->vm_host);
		put_close(out, '}');
	}
	if (s->reason)
		put_string(out, "reason", s->reason);
}

static void print_json(struct output *out, const struct compute_host *host,
		       const struct state_list *list)
{
	put_open(out, NULL, '[');
	for (size_t i = 0; i < list->len; i++) {
		const struct compute_state *s = &list->items[i];

		put_open(out, NULL, '{');
		put_string(out, "ociVersion", or_empty(s->oci_version));
		put_string(out, "id", s->id);
		put_signed(out, "pid", s->pid);
		put_string(out, "status", compute_status_name(s->status));
		put_string(out, "bundle", or_empty(s->bundle));
		put_string(out, "rootfs", or_empty(s->rootfs));
		put_string(out, "created", or_empty(s->created));
		print_annotations(out, host, s->id);
		put_string(out, "owner", or_empty(s->owner));
		put_string(out, "isolation", compute_isolation_name(s->isolation));
		print_vm(out, s);
		put_close(out, '}');
	}
	put_close(out, ']');
	output_text(out, "\n");
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_state_list_ struct state_list list = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct values given = { .format = "table" };
	struct arguments arguments;
	int r;

	(void)ret_status;
	r = options_parse(&command_list, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (strcmp(given.format, "table") != 0 && strcmp(given.format, "json") != 0)
		return usage_error(&command_list, err, "--format is table or json, not \"%s\"",
				   given.format);
	r = compute_list(&invocation->host, &list.items, &list.len, err);
	if (r < 0)
		return r;
	if (given.quiet) {
		for (size_t i = 0; i < list.len; i++)
			output_format(&out, "%s\n", list.items[i].id);
	} else if (!strcmp(given.format, "json")) {
		print_json(&out, &invocation->host, &list);
	} else {
		r = print_table(&out, &list, err);
		if (r < 0)
			return r;
	}
	return output_flush(&out, err);
}

const struct command command_list = {
	.name = "list",
	.summary = "list the containers",
	.usage = "[options]",
	.description = "Lists the containers below the root directory (see the global --root).",
	.examples = "  runhcs list\n"
		    "  runhcs list -f json\n"
		    "  runhcs --root /run/test list -q\n",
	.options = options,
	.run = run,
};
