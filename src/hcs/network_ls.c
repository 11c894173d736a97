/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"
#include "hcs/view.h"

struct values {
	bool quiet, no_trunc;
	const char *format;
	struct flag_list filters;
};

static const struct flag flags[] = {
	FLAG(LIST, "filter", 'f', struct values, filters, "KEY=VALUE",
	     "only those that fit: name, driver, id"),
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(BOOL, "no-trunc", 0, struct values, no_trunc, NULL, "names are not shortened anyway"),
	FLAG(BOOL, "quiet", 'q', struct values, quiet, NULL, "names only"),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "ID", "NETWORK ID" }, { "Name", "NAME" }, { "Driver", "DRIVER" }, { "Scope", "SCOPE" },
	{ "Subnet", "SUBNET" }, { "File", "FILE" }, { NULL, NULL },
};

static const char *const filter_keys[] = { "name", "driver", "id", NULL };

static int put_row(json_t *rows, const struct network_info *network, struct error *err)
{
	struct view row = view_new();

	view_text(&row, "ID", network->name);
	view_text(&row, "Name", network->name);
	view_text(&row, "Driver", network->type);
	view_text(&row, "Scope", "local");
	view_text(&row, "Subnet", network->subnet);
	view_text(&row, "File", network->file);
	return view_end(&row, rows, err);
}

static int show(const struct cli *cli, const struct values *values, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_filter_ struct filter filter = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct network_info *infos = NULL;
	json_t *rows = json_array();
	size_t len = 0;
	int r = rows ? filter_parse(&values->filters, filter_keys, &filter, err) : error_oom(err);

	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = network_list(&service.network, &infos, &len, err);
	for (size_t i = 0; i < len; i++) {
		if (r == 0 && filter_matches(&filter, "name", infos[i].name) &&
		    filter_matches(&filter, "id", infos[i].name) &&
		    filter_equals(&filter, "driver", infos[i].type))
			r = put_row(rows, &infos[i], err);
		network_info_done(&infos[i]);
	}
	free(infos);
	if (r == 0)
		r = format_rows(values->quiet ? "{{.Name}}" : values->format,
				"table {{.Name}}\\t{{.Driver}}\\t{{.Scope}}\\t{{.Subnet}}", headers,
				rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_network_ls, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0)
		r = show(cli, &values, err);
	flag_list_done(&values.filters);
	return r;
}

const struct cli_command command_network_ls = {
	.name = "network ls",
	.summary = "list networks",
	.usage = "[OPTIONS]",
	.description =
		"Lists the networks that --network takes: bridge, host and none, and those in "
		"/etc/cni/net.d.",
	.flags = flags,
	.run = run,
};
