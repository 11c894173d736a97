/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/fd.h"
#include "hcs/view.h"

#define SHOWN 45 /* characters of what made a layer */

struct values {
	bool human, no_trunc, quiet;
	const char *format;
};

static const struct flag flags[] = {
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(BOOL, "human", 'H', struct values, human, NULL,
	     "sizes and times for people (default; =false: bytes and dates)"),
	FLAG(BOOL, "no-trunc", 0, struct values, no_trunc, NULL, "do not shorten anything"),
	FLAG(BOOL, "quiet", 'q', struct values, quiet, NULL, "ids only"),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "ID", "IMAGE" },
	{ "CreatedSince", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedBy", "CREATED BY" },
	{ "Size", "SIZE" },
	{ "Comment", "COMMENT" },
	{ NULL, NULL },
};

static int put_row(json_t *rows, const char *id, const struct image_history *history, uint64_t size,
		   const struct values *values, struct error *err)
{
	const char *by = history->created_by ? history->created_by : "";
	struct view row = view_new();
	char buf[VIEW_TIME_SIZE], human[UNITS_SIZE];

	if (id)
		view_id(&row, "ID", id, values->no_trunc);
	else
		view_text(&row, "ID", "<missing>");
	view_text(&row, "CreatedSince",
		  values->human ? view_ago(history->created, buf) : history->created);
	view_text(&row, "CreatedAt", history->created);
	if (!values->no_trunc && by[view_cut(by, SHOWN)])
		view_format(&row, "CreatedBy", "%.*s…", (int)view_cut(by, SHOWN - 1), by);
	else
		view_text(&row, "CreatedBy", by);
	if (values->human)
		view_text(&row, "Size", units_decimal_short(size, human));
	else
		view_format(&row, "Size", "%llu", (unsigned long long)size);
	view_text(&row, "Comment", history->comment);
	return view_end(&row, rows, err);
}

/* Bytes that the layer's files have; 0 where it is not unpacked. */
static uint64_t layer_size(struct image_store *store, const char *diff_id)
{
	char path[160], *end;
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)snprintf(path, sizeof(path), "layers/%s/size",
		       strchr(diff_id, ':') ? strchr(diff_id, ':') + 1 : diff_id);
	if (file_read(image_store_fd(store), path, 64, &text, &len) < 0)
		return 0;
	return strtoull(text, &end, 10);
}

/* The last step first; those with a layer take the layers in turn. Images without a history have a line for each
 * layer. */
static int put_rows(json_t *rows, struct image_store *store, const struct image *image,
		    const struct values *values, struct error *err)
{
	const struct image_config *config = &image->config;
	const size_t steps = config->history_len ? config->history_len : config->diff_ids.len;
	size_t layer = config->diff_ids.len;
	int r = 0;

	for (size_t i = steps; i > 0 && r == 0; i--) {
		struct image_history none = { .created = config->created };
		const struct image_history *history =
			config->history_len ? &config->history[i - 1] : &none;
		uint64_t size = 0;

		if (!history->empty_layer && layer > 0)
			size = layer_size(store, config->diff_ids.items[--layer]);
		r = put_row(rows, i == steps ? image->id : NULL, history, size, values, err);
	}
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_ struct image image = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct values values = { .human = true };
	struct flag_args args;
	json_t *rows;
	int r = flags_parse(&command_history, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r)
		return r;
	rows = json_array();
	r = rows ? hcs_open(cli, &service, err) : error_oom(err);
	if (r == 0)
		r = service_images(&service, &store, err);
	if (r == 0)
		r = image_store_find(store, args.items[0], NULL, &image, err);
	if (r == 0)
		r = put_rows(rows, store, &image, &values, err);
	if (r == 0)
		r = format_rows(values.quiet ? "{{.ID}}" : values.format,
				"table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t"
				"{{.Comment}}",
				headers, rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

const struct cli_command command_history = {
	.name = "history",
	.summary = "show how an image was made",
	.usage = "[OPTIONS] IMAGE",
	.description = "Shows the steps that made an image, the last one first.",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
