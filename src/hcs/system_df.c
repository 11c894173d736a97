/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "hcs/view.h"

struct values {
	bool verbose;
	const char *format;
};

static const struct flag flags[] = {
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(BOOL, "verbose", 'v', struct values, verbose, NULL, NULL),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "Type", "TYPE" }, { "TotalCount", "TOTAL" },        { "Active", "ACTIVE" },
	{ "Size", "SIZE" }, { "Reclaimable", "RECLAIMABLE" }, { NULL, NULL },
};

struct sums {
	size_t total, active;
	uint64_t size, reclaimable;
};

static int put_row(json_t *rows, const char *type, const struct sums *sums, struct error *err)
{
	struct view row = view_new();
	char size[UNITS_SIZE];

	view_text(&row, "Type", type);
	view_format(&row, "TotalCount", "%zu", sums->total);
	view_format(&row, "Active", "%zu", sums->active);
	view_text(&row, "Size", units_decimal(sums->size, size));
	(void)units_decimal(sums->reclaimable, size);
	if (sums->size > 0)
		view_format(&row, "Reclaimable", "%s (%u%%)", size,
			    (unsigned)(sums->reclaimable * 100 / sums->size));
	else
		view_text(&row, "Reclaimable", size);
	return view_end(&row, rows, err);
}

static bool has_image(const struct view_records *records, const char *id)
{
	for (size_t i = 0; i < records->len; i++)
		if (strcmp(records->items[i].image_id, id) == 0)
			return true;
	return false;
}

static int sum_images(const struct service *service, const struct view_records *records,
		      struct sums *sums, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_images_ struct view_images images = { 0 };
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_store_list(store, &images.items, &images.len, err);
	for (size_t i = 0; i < images.len && r == 0; i++) {
		const bool active = has_image(records, images.items[i].id);

		sums->total++;
		sums->active += active;
		sums->size += images.items[i].size;
		sums->reclaimable += active ? 0 : images.items[i].size;
	}
	return r;
}

static void sum_containers(const struct view_records *records, struct sums *sums)
{
	for (size_t i = 0; i < records->len; i++) {
		const uint64_t size = view_scratch_size(&records->items[i]);
		const bool active = record_is_up(&records->items[i]);

		sums->total++;
		sums->active += active;
		sums->size += size;
		sums->reclaimable += active ? 0 : size;
	}
}

static int sum_volumes(const struct service *service, const struct view_records *records,
		       struct sums *sums, struct error *err)
{
	char **names;
	size_t len;
	int r = view_volumes(service, &names, &len, err);

	for (size_t i = 0; i < len; i++) {
		const bool active = view_volume_used(records->items, records->len, names[i]);
		char path[sizeof("volumes/") + NAME_MAX];
		uint64_t size;

		(void)snprintf(path, sizeof(path), "volumes/%s", names[i]);
		size = view_tree_size(service->root_fd, path);
		sums->total++;
		sums->active += active;
		sums->size += size;
		sums->reclaimable += active ? 0 : size;
		free(names[i]);
	}
	free(names);
	return r;
}

static int show(const struct cli *cli, const struct values *values, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct sums images = { 0 }, containers = { 0 }, volumes = { 0 };
	json_t *rows = json_array();
	int r = rows ? hcs_open(cli, &service, err) : error_oom(err);

	if (r == 0)
		r = record_list(&service, &records.items, &records.len, err);
	if (r == 0)
		r = sum_images(&service, &records, &images, err);
	if (r == 0) {
		sum_containers(&records, &containers);
		r = sum_volumes(&service, &records, &volumes, err);
	}
	if (r == 0)
		r = put_row(rows, "Images", &images, err);
	if (r == 0)
		r = put_row(rows, "Containers", &containers, err);
	if (r == 0)
		r = put_row(rows, "Local Volumes", &volumes, err);
	if (r == 0)
		r = format_rows(values->format,
				"table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t"
				"{{.Reclaimable}}",
				headers, rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_system_df, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0 && values.verbose)
		r = error_set(err, ENOTSUP,
			      "--verbose is not supported: see 'hcs ps -as', 'hcs images' and 'hcs "
			      "volume ls'");
	return r ? r : show(cli, &values, err);
}

const struct cli_command command_system_df = {
	.name = "system df",
	.summary = "show what images, containers and volumes take on disk",
	.usage = "[OPTIONS]",
	.description = "Shows what images, containers and volumes take on disk, and how much of it "
		       "nothing uses.",
	.flags = flags,
	.run = run,
};
