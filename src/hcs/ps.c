/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/number.h"
#include "cli/filter.h"
#include "hcs/view.h"

#define COMMAND_SHOWN 20 /* characters, as docker shows them */

struct values {
	bool all, quiet, latest, size, no_trunc;
	const char *last, *format;
	struct flag_list filters;
};

static const struct flag flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL, "also those that do not run"),
	FLAG(LIST, "filter", 'f', struct values, filters, "KEY=VALUE",
	     "only those that fit: id, name, label, status, ancestor, exited, isolation, network, "
	     "publish, expose, volume, before, since"),
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(STRING, "last", 'n', struct values, last, "N", "the N created last, in any state"),
	FLAG(BOOL, "latest", 'l', struct values, latest, NULL, "the one created last"),
	FLAG(BOOL, "no-trunc", 0, struct values, no_trunc, NULL, "do not shorten anything"),
	FLAG(BOOL, "quiet", 'q', struct values, quiet, NULL, "ids only"),
	FLAG(BOOL, "size", 's', struct values, size, NULL, "show what they take on disk"),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "ID", "CONTAINER ID" },
	{ "Names", "NAMES" },
	{ "Image", "IMAGE" },
	{ "Command", "COMMAND" },
	{ "CreatedAt", "CREATED AT" },
	{ "RunningFor", "CREATED" },
	{ "Ports", "PORTS" },
	{ "State", "STATE" },
	{ "Status", "STATUS" },
	{ "Size", "SIZE" },
	{ "Labels", "LABELS" },
	{ "Label", "LABEL" },
	{ "Mounts", "MOUNTS" },
	{ "LocalVolumes", "LOCAL VOLUMES" },
	{ "Networks", "NETWORKS" },
	{ "Isolation", "ISOLATION" },
	{ NULL, NULL },
};

static const char *const filter_keys[] = {
	"id",      "name",    "label",  "label!", "status", "ancestor", "exited", "isolation",
	"network", "publish", "expose", "volume", "before", "since",    NULL,
};

/* Quoted, and its characters counted, not its bytes. */
static void put_command(struct view *row, const struct container_config *config, bool no_trunc)
{
	_cleanup_output_ struct output text = OUTPUT_INIT;
	size_t len;
	_cleanup_free_ char **argv = view_argv(config, &len);

	for (size_t i = 0; argv && i < len; i++)
		output_format(&text, "%s%s", i ? " " : "", argv[i]);
	output_bytes(&text, "", 1);
	row->failed |= !argv || text.failed;
	if (row->failed)
		return;
	if (!no_trunc && text.data[view_cut(text.data, COMMAND_SHOWN)])
		view_format(row, "Command", "\"%.*s…\"",
			    (int)view_cut(text.data, COMMAND_SHOWN - 1), text.data);
	else
		view_format(row, "Command", "\"%s\"", text.data);
}

static void put_mounts(struct view *row, const struct container_config *config, bool no_trunc)
{
	_cleanup_output_ struct output text = OUTPUT_INIT;
	unsigned volumes = 0;

	for (size_t i = 0; i < config->volumes_len; i++) {
		const struct container_volume *volume = &config->volumes[i];

		volumes += volume->kind == VOLUME_NAMED;
		if (volume->kind == VOLUME_TMPFS || !volume->source)
			continue;
		if (!no_trunc && strlen(volume->source) > 15)
			output_format(&text, "%s%.14s…", text.len ? "," : "", volume->source);
		else
			output_format(&text, "%s%s", text.len ? "," : "", volume->source);
	}
	output_bytes(&text, "", 1);
	row->failed |= text.failed;
	view_text(row, "Mounts", text.data);
	view_format(row, "LocalVolumes", "%u", volumes);
}

static void put_networks(struct view *row, const struct container_config *config)
{
	_cleanup_output_ struct output text = OUTPUT_INIT;

	output_text(&text, config->network_mode ? config->network_mode : NETWORK_DEFAULT);
	for (size_t i = 0; i < config->networks.len; i++)
		output_format(&text, ",%s", config->networks.items[i]);
	output_bytes(&text, "", 1);
	row->failed |= text.failed;
	view_text(row, "Networks", text.data);
}

/* As written by the user; an id in its short form. */
static void put_image(struct view *row, const struct record *record, bool no_trunc)
{
	const char *image = record->config.image, *colon = strchr(record->image_id, ':');
	const char *hex = strncmp(image, "sha256:", 7) == 0 ? image + 7 : image;

	if (!no_trunc && colon && strlen(hex) >= 12 && strncmp(colon + 1, hex, strlen(hex)) == 0)
		view_format(row, "Image", "%.12s", hex);
	else
		view_text(row, "Image", image);
}

static void put_size(struct view *row, struct image_store *images, const struct record *record)
{
	struct image image = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	char own[UNITS_SIZE], all[UNITS_SIZE];
	uint64_t size = view_scratch_size(record), below = 0;

	if (image_store_find(images, record->image_id, NULL, &image, &ignored) == 0) {
		below = image.size;
		image_done(&image);
	}
	view_format(row, "Size", "%s (virtual %s)", units_decimal_short(size, own),
		    units_decimal_short(size + below, all));
}

static int put_row(json_t *rows, const struct record *record, struct image_store *images,
		   const struct values *values, struct error *err)
{
	struct view row = view_new();
	_cleanup_free_ char *ports = view_ports(record);
	char buf[VIEW_TIME_SIZE];

	row.failed |= !ports;
	view_id(&row, "ID", record->id, values->no_trunc);
	view_text(&row, "Names", record->name);
	put_image(&row, record, values->no_trunc);
	put_command(&row, &record->config, values->no_trunc);
	view_text(&row, "CreatedAt", view_time(record->created, buf));
	view_text(&row, "RunningFor", view_ago(record->created, buf));
	view_text(&row, "Ports", ports);
	view_text(&row, "State", record_status_name(record->state.status));
	view_text(&row, "Status", view_status(record, buf));
	view_labels(&row, &record->config.labels);
	put_mounts(&row, &record->config, values->no_trunc);
	put_networks(&row, &record->config);
	view_text(&row, "Isolation", compute_isolation_name(record->config.isolation));
	if (images)
		put_size(&row, images, record);
	else
		view_text(&row, "Size", "0B");
	return view_end(&row, rows, err);
}

static bool fits_ports(const struct filter *filter, const struct record *record)
{
	const struct network_attachment *network = &record->state.network;
	const struct strv *exposed = &record->config.exposed_ports;
	bool publish = !filter_has(filter, "publish"), expose = !filter_has(filter, "expose");
	char text[32];

	for (size_t i = 0; i < network->ports_len; i++) {
		(void)snprintf(text, sizeof(text), "%u/%s", network->ports[i].host,
			       network->ports[i].protocol);
		publish = publish || filter_equals(filter, "publish", text);
		*strchr(text, '/') = '\0';
		publish = publish || filter_equals(filter, "publish", text);
	}
	for (size_t i = 0; i < exposed->len; i++) {
		(void)snprintf(text, sizeof(text), "%s", exposed->items[i]);
		expose = expose || filter_equals(filter, "expose", text);
		text[strcspn(text, "/")] = '\0';
		expose = expose || filter_equals(filter, "expose", text);
	}
	return publish && expose;
}

static bool fits_volumes(const struct filter *filter, const struct record *record)
{
	bool fits = !filter_has(filter, "volume");

	for (size_t i = 0; i < record->config.volumes_len && !fits; i++) {
		const struct container_volume *volume = &record->config.volumes[i];

		fits = filter_equals(filter, "volume", volume->destination) ||
		       (volume->source && filter_equals(filter, "volume", volume->source));
	}
	return fits;
}

static bool fits_networks(const struct filter *filter, const struct container_config *config)
{
	const char *mode = config->network_mode ? config->network_mode : NETWORK_DEFAULT;
	bool fits = filter_equals(filter, "network", mode);

	for (size_t i = 0; i < config->networks.len && !fits; i++)
		fits = filter_equals(filter, "network", config->networks.items[i]);
	return fits;
}

static bool fits(const struct filter *filter, const struct record *record)
{
	const struct container_config *config = &record->config;
	char exited[16];

	(void)snprintf(exited, sizeof(exited), "%d", record->state.exit_code);
	return filter_begins(filter, "id", record->id) &&
	       filter_matches(filter, "name", record->name) &&
	       filter_labels(filter, &config->labels) &&
	       filter_equals(filter, "status", record_status_name(record->state.status)) &&
	       (filter_equals(filter, "ancestor", config->image) ||
		filter_begins(filter, "ancestor", record->image_id) ||
		filter_begins(filter, "ancestor", record->image_id + strlen("sha256:"))) &&
	       (!filter_has(filter, "exited") || (record->state.status == RECORD_EXITED &&
						  filter_equals(filter, "exited", exited))) &&
	       filter_equals(filter, "isolation", compute_isolation_name(config->isolation)) &&
	       fits_networks(filter, config) && fits_ports(filter, record) &&
	       fits_volumes(filter, record);
}

struct order {                /* what before and since name; owned */
	char *before, *since; /* when it was created; NULL: not asked */
};

static void order_done(struct order *order)
{
	free(order->before);
	free(order->since);
}

static int find_created(const struct service *service, const struct filter *filter, const char *key,
			char **ret, struct error *err)
{
	_cleanup_record_ struct record other = RECORD_INIT;
	const char *name = filter_value(filter, key);
	int r = name ? record_open(service, name, RECORD_READ, &other, err) : 0;

	if (!name || r < 0)
		return r;
	*ret = TAKE_PTR(other.created);
	return 0;
}

static bool fits_order(const struct order *order, const struct record *record)
{
	return (!order->before || strcmp(record->created, order->before) < 0) &&
	       (!order->since || strcmp(record->created, order->since) > 0);
}

static int collect(const struct service *service, const struct view_records *records,
		   const struct filter *filter, const struct values *values, size_t last,
		   json_t *rows, struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	const bool all = values->all || last > 0 || filter_has(filter, "status") ||
			 filter_has(filter, "exited");
	const bool size = values->size || (values->format && strstr(values->format, ".Size"));
	_cleanup_(order_done) struct order order = { 0 };
	int r = size ? service_images(service, &images, err) : 0;

	if (r == 0)
		r = find_created(service, filter, "before", &order.before, err);
	if (r == 0)
		r = find_created(service, filter, "since", &order.since, err);

	for (size_t i = 0; i < records->len && r == 0; i++) {
		const struct record *record = &records->items[i];

		if (last > 0 && json_array_size(rows) == last)
			break;
		if ((all || record_is_up(record)) && fits(filter, record) &&
		    fits_order(&order, record))
			r = put_row(rows, record, images, values, err);
	}
	return r;
}

static int check_statuses(const struct filter *filter, struct error *err)
{
	for (size_t i = 0; i < filter->len; i++) {
		bool known = strcmp(filter->items[i].key, "status") != 0;

		for (int s = RECORD_CREATED; s <= RECORD_DEAD && !known; s++)
			known = strcmp(filter->items[i].value,
				       record_status_name((enum record_status)s)) == 0;
		if (!known)
			return error_set(err, EINVAL,
					 "invalid filter 'status=%s': created, running, paused, "
					 "restarting, removing, exited or dead is expected",
					 filter->items[i].value);
	}
	return 0;
}

static int parse_last(const struct values *values, size_t *ret, struct error *err)
{
	int64_t n = 0;
	int r = 0;

	*ret = values->latest ? 1 : 0;
	if (!values->last)
		return 0;
	r = option_signed("--last", values->last, -1, INT32_MAX, &n, err);
	if (r == 0 && n > 0)
		*ret = (size_t)n;
	return r;
}

static int show(const struct cli *cli, const struct values *values, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_filter_ struct filter filter = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const char *usual =
		"table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}"
		"\\t{{.Ports}}\\t{{.Names}}";
	json_t *rows = json_array();
	size_t last = 0;
	int r = rows ? parse_last(values, &last, err) : error_oom(err);

	if (r == 0)
		r = filter_parse(&values->filters, filter_keys, &filter, err);
	if (r == 0)
		r = check_statuses(&filter, err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = record_list(&service, &records.items, &records.len, err);
	if (r == 0)
		r = collect(&service, &records, &filter, values, last, rows, err);
	if (values->size)
		usual = "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}"
			"\\t{{.Ports}}\\t{{.Names}}\\t{{.Size}}";
	if (r == 0)
		r = format_rows(values->quiet ? "{{.ID}}" : values->format, usual, headers, rows,
				&out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_ps, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0)
		r = show(cli, &values, err);
	flag_list_done(&values.filters);
	return r;
}

const struct cli_command command_ps = {
	.name = "ps",
	.summary = "list containers",
	.usage = "[OPTIONS]",
	.description = "Lists the containers that run, the newest first; with --all every one.",
	.examples = "  hcs ps -a\n  hcs ps --filter status=exited -q\n"
		    "  hcs ps --format 'table {{.Names}}\\t{{.Isolation}}\\t{{.Status}}'\n",
	.flags = flags,
	.run = run,
};
