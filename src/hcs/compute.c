/* SPDX-License-Identifier: Apache-2.0 */
/* compute list, pause, resume, stop, kill: any compute system of this machine. */
#include <signal.h>
#include <string.h>

#include "base/number.h"
#include "base/signal_name.h"
#include "cli/format.h"
#include "hcs/hcs.h"
#include "service/systems.h"

#define STOP_SECONDS 10

struct list_values {
	bool quiet, no_trunc;
	const char *format;
};

static const struct flag list_flags[] = {
	FLAG(STRING, "format", 'f', struct list_values, format, "FORMAT",
	     "'json' (one array), 'table' with a template, or a template"),
	FLAG(BOOL, "no-trunc", 0, struct list_values, no_trunc, NULL, "whole ids"),
	FLAG(BOOL, "quiet", 'q', struct list_values, quiet, NULL, "ids alone"),
	FLAGS_END,
};

static const char *type_name(enum system_type type)
{
	return type == SYSTEM_VIRTUAL_MACHINE ? "VirtualMachine" : "Container";
}

/* HCS's words for states. */
static const char *state_name(enum compute_status status)
{
	switch (status) {
	case STATUS_CREATING:
	case STATUS_CREATED:
		return "Created";
	case STATUS_RUNNING:
		return "Running";
	case STATUS_PAUSED:
		return "Paused";
	case STATUS_STOPPED:
		break;
	}
	return "Stopped";
}

/* An engine's ids have 64 digits: the first twelve tell them apart, as docker shows them. */
static json_t *shown_id(const struct system_entry *s, bool whole)
{
	const size_t digits = strspn(s->id, "0123456789abcdef");

	if (whole || digits < 64)
		return json_string(s->id);
	return json_sprintf("%.12s%s", s->id, s->id + digits);
}

static json_t *rows_of(const struct system_entry *systems, size_t len, bool whole)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < len; i++) {
		const struct system_entry *s = &systems[i];

		(void)json_array_append_new(
			rows, json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s*, s:s}", "Id",
					shown_id(s, whole), "Name", s->name, "Owner", s->owner,
					"SystemType", type_name(s->type), "Isolation",
					compute_isolation_name(s->isolation), "State",
					state_name(s->status), "HostingSystemId", s->host, "Root",
					s->root));
	}
	return rows;
}

static int print_json(const json_t *rows, struct output *out, struct error *err)
{
	_cleanup_free_ char *text = json_dumps(rows, JSON_INDENT(4));

	if (!text)
		return error_oom(err);
	output_format(out, "%s\n", text);
	return 0;
}

static int run_list(const struct cli *cli, int argc, char **argv, int *ret_status,
		    struct error *err)
{
	static const struct format_header headers[] = {
		{ "Id", "ID" },
		{ "Name", "NAME" },
		{ "Owner", "OWNER" },
		{ "SystemType", "TYPE" },
		{ "Isolation", "ISOLATION" },
		{ "State", "STATE" },
		{ "Root", "ROOT" },
		{ "HostingSystemId", "HOST" },
		{ NULL, NULL },
	};
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct list_values given = { 0 };
	struct system_entry *systems = NULL;
	struct flag_args args;
	size_t len = 0;
	bool json;
	int r = flags_parse(&command_compute_list, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	json = given.format && strcmp(given.format, "json") == 0;
	r = hcs_open(cli, &service, err);
	if (r == 0)
		r = systems_list(&service, &systems, &len, err);
	if (r == 0 && given.quiet) {
		for (size_t i = 0; i < len; i++)
			output_format(&out, "%s\n", systems[i].id);
	} else if (r == 0) {
		json_t *rows = rows_of(systems, len, json || given.no_trunc);

		r = json ? print_json(rows, &out, err)
			 : format_rows(given.format,
				       "table {{.Id}}\t{{.Name}}\t{{.Owner}}\t{{.SystemType}}\t"
				       "{{.Isolation}}\t{{.State}}",
				       headers, rows, &out, err);
		json_decref(rows);
	}
	systems_free(systems, len);
	return r < 0 ? r : output_flush(&out, err);
}

typedef int (*action)(const struct service *service, const struct system_entry *system,
		      const void *how, struct error *err);

/* For each name; the errors are told, and the others done. */
static int for_each(const struct cli *cli, const struct flag_args *args, action act,
		    const void *how, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct system_entry *systems = NULL;
	size_t len = 0;
	int r = hcs_open(cli, &service, err);

	if (r == 0)
		r = systems_list(&service, &systems, &len, err);
	if (r < 0)
		return r;
	for (int i = 0; i < args->len; i++) {
		_cleanup_error_ struct error one = ERROR_INIT;
		const struct system_entry *system;

		r = systems_find(systems, len, args->items[i], &system, &one);
		if (r == 0)
			r = act(&service, system, how, &one);
		if (r < 0) {
			hcs_report(error_text(&one));
			*ret_status = 1;
		} else {
			output_format(&out, "%s\n", args->items[i]);
		}
	}
	systems_free(systems, len);
	return output_flush(&out, err);
}

static int pause_one(const struct service *service, const struct system_entry *system,
		     const void *how, struct error *err)
{
	return system_pause(service, system, *(const bool *)how, err);
}

static int run_pause(const struct cli *cli, int argc, char **argv, int *ret_status,
		     struct error *err)
{
	struct flag_args args;
	const bool on = true;
	int r = flags_parse(&command_compute_pause, argc, argv, NULL, &args, err);

	return r ? r : for_each(cli, &args, pause_one, &on, ret_status, err);
}

static int run_resume(const struct cli *cli, int argc, char **argv, int *ret_status,
		      struct error *err)
{
	struct flag_args args;
	const bool on = false;
	int r = flags_parse(&command_compute_resume, argc, argv, NULL, &args, err);

	return r ? r : for_each(cli, &args, pause_one, &on, ret_status, err);
}

struct stop_values {
	const char *time;
};

static const struct flag stop_flags[] = {
	FLAG(STRING, "time", 't', struct stop_values, time, "SECONDS",
	     "how long to wait before it is killed (default 10)"),
	FLAGS_END,
};

static int stop_one(const struct service *service, const struct system_entry *system,
		    const void *how, struct error *err)
{
	return system_stop(service, system, *(const int *)how, err);
}

static int run_stop(const struct cli *cli, int argc, char **argv, int *ret_status,
		    struct error *err)
{
	struct stop_values given = { 0 };
	struct flag_args args;
	uint64_t seconds = STOP_SECONDS;
	int timeout, r = flags_parse(&command_compute_stop, argc, argv, &given, &args, err);

	if (r != 0)
		return r;
	if (given.time && number_unsigned(given.time, INT32_MAX / 1000, &seconds) < 0)
		return flags_error(&command_compute_stop, err, "invalid time: %s", given.time);
	timeout = (int)seconds * 1000;
	return for_each(cli, &args, stop_one, &timeout, ret_status, err);
}

struct kill_values {
	const char *signal;
};

static const struct flag kill_flags[] = {
	FLAG(STRING, "signal", 's', struct kill_values, signal, "SIGNAL",
	     "the signal (default KILL)"),
	FLAGS_END,
};

static int kill_one(const struct service *service, const struct system_entry *system,
		    const void *how, struct error *err)
{
	return system_signal(service, system, *(const int *)how, err);
}

static int run_kill(const struct cli *cli, int argc, char **argv, int *ret_status,
		    struct error *err)
{
	struct kill_values given = { .signal = "KILL" };
	struct flag_args args;
	int sig, r = flags_parse(&command_compute_kill, argc, argv, &given, &args, err);

	if (r != 0)
		return r;
	sig = signal_from_name(given.signal);
	if (sig <= 0)
		return flags_error(&command_compute_kill, err, "invalid signal: %s", given.signal);
	return for_each(cli, &args, kill_one, &sig, ret_status, err);
}

const struct cli_command command_compute_list = {
	.name = "compute list",
	.summary = "list all compute systems of this machine",
	.usage = "[OPTIONS]",
	.description = "Lists containers and utility VMs, whoever made them: hcs, runhcs, or an "
		       "engine that "
		       "has runhcs as its runtime. A utility VM is named after what it hosts.",
	.examples = "  hcs compute list\n"
		    "  hcs compute list -f json\n",
	.flags = list_flags,
	.run = run_list,
};

const struct cli_command command_compute_pause = {
	.name = "compute pause",
	.summary = "freeze compute systems",
	.usage = "SYSTEM [SYSTEM...]",
	.min_args = 1,
	.max_args = -1,
	.run = run_pause,
};

const struct cli_command command_compute_resume = {
	.name = "compute resume",
	.summary = "let frozen compute systems go on",
	.usage = "SYSTEM [SYSTEM...]",
	.min_args = 1,
	.max_args = -1,
	.run = run_resume,
};

const struct cli_command command_compute_stop = {
	.name = "compute stop",
	.summary = "end compute systems: SIGTERM, then SIGKILL",
	.usage = "[OPTIONS] SYSTEM [SYSTEM...]",
	.description = "Ends compute systems, and with a utility VM all that it hosts.",
	.flags = stop_flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_stop,
};

const struct cli_command command_compute_kill = {
	.name = "compute kill",
	.summary = "send a signal to compute systems",
	.usage = "[OPTIONS] SYSTEM [SYSTEM...]",
	.flags = kill_flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_kill,
};
