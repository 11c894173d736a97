/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what is not used: containers, images, volumes, all. */
#include "hcs/prune.h"

#include <string.h>

struct values {
	bool force, all, volumes;
	struct flag_list filters;
};

#define FORCE_FLAG FLAG(BOOL, "force", 'f', struct values, force, NULL, "do not ask")
#define FILTER_FLAG                                                                                \
	FLAG(LIST, "filter", 0, struct values, filters, "KEY=VALUE", "only those that fit: label")

static const struct flag container_flags[] = { FILTER_FLAG, FORCE_FLAG, FLAGS_END };
static const struct flag image_flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL,
	     "all that no container has, not only those without a name"),
	FILTER_FLAG,
	FORCE_FLAG,
	FLAGS_END,
};
static const struct flag volume_flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL,
	     "named ones too, not only those that nobody named"),
	FORCE_FLAG,
	FLAGS_END,
};
static const struct flag system_flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL,
	     "all images that no container has, not only those without a name"),
	FILTER_FLAG,
	FORCE_FLAG,
	FLAG(BOOL, "volumes", 0, struct values, volumes, NULL,
	     "also volumes that nobody named and no container has"),
	FLAGS_END,
};

static const char *const filter_keys[] = { "label", "label!", NULL };

int prune_containers(const struct service *service, const struct filter *filter, struct output *out,
		     uint64_t *freed, struct error *err)
{
	_cleanup_records_ struct view_records records = { 0 };
	bool any = false;
	int r = record_list(service, &records.items, &records.len, err);

	for (size_t i = 0; i < records.len && r == 0; i++) {
		const struct record *record = &records.items[i];
		_cleanup_error_ struct error why = ERROR_INIT;
		uint64_t size;

		if (record_is_up(record) || !filter_labels(filter, &record->config.labels))
			continue;
		size = view_scratch_size(record);
		/* One that was started, or removed, meanwhile is none of ours. */
		if (service_remove(service, record->id, false, false, &why) < 0)
			continue;
		output_format(out, "%s%s\n", any ? "" : "Deleted Containers:\n", record->id);
		any = true;
		*freed += size;
	}
	if (any)
		output_text(out, "\n");
	return r;
}

static void report(const char *what, const char *which, void *data)
{
	for (; *what; what++)
		output_format(data, "%c", *what >= 'A' && *what <= 'Z' ? *what - 'A' + 'a' : *what);
	output_format(data, ": %s\n", which);
}

static bool has_image(const struct view_records *records, const char *id)
{
	for (size_t i = 0; i < records->len; i++)
		if (strcmp(records->items[i].image_id, id) == 0)
			return true;
	return false;
}

int prune_images(const struct service *service, bool all, const struct filter *filter,
		 struct output *out, uint64_t *freed, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_images_ struct view_images images = { 0 };
	_cleanup_output_ struct output removed = OUTPUT_INIT;
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_store_list(store, &images.items, &images.len, err);
	if (r == 0)
		r = record_list(service, &records.items, &records.len, err);
	for (size_t i = 0; i < images.len && r == 0; i++) {
		const struct image *image = &images.items[i];
		_cleanup_error_ struct error why = ERROR_INIT;

		if ((image->names_len > 0 && !all) || has_image(&records, image->id) ||
		    !filter_labels(filter, &image->config.labels))
			continue;
		/* Under all its names; a container that has been made meanwhile keeps it by its pin. */
		for (size_t k = 0; k < image->names_len; k++)
			(void)image_store_remove(store, image->names[k], false, report, &removed,
						 &why);
		if (image->names_len == 0 &&
		    image_store_remove(store, image->id, false, report, &removed, &why) < 0)
			continue;
		*freed += image->size;
	}
	if (removed.len > 0) {
		output_text(out, "Deleted Images:\n");
		output_bytes(out, removed.data, removed.len);
		output_text(out, "\n");
	}
	return r;
}

enum what { CONTAINERS = 1, IMAGES = 2, VOLUMES = 4 };

static int prune(const struct cli *cli, const struct values *values, unsigned what,
		 const char *question, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_filter_ struct filter filter = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	char size[UNITS_SIZE];
	uint64_t freed = 0;
	int r = filter_parse(&values->filters, filter_keys, &filter, err);

	if (r < 0 || !view_confirm(question, values->force))
		return r;
	r = hcs_open(cli, &service, err);
	if (r == 0 && (what & CONTAINERS))
		r = prune_containers(&service, &filter, &out, &freed, err);
	if (r == 0 && (what & VOLUMES))
		r = prune_volumes(&service, (what == VOLUMES) && values->all, &out, &freed, err);
	if (r == 0 && (what & IMAGES))
		r = prune_images(&service, values->all, &filter, &out, &freed, err);
	if (r < 0)
		return r;
	output_format(&out, "Total reclaimed space: %s\n", units_decimal(freed, size));
	return output_flush(&out, err);
}

static int run(const struct cli *cli, const struct cli_command *command, unsigned what,
	       const char *question, int argc, char **argv, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(command, argc, argv, &values, &args, err);

	if (r == 0 && values.volumes)
		what |= VOLUMES;
	if (r == 0)
		r = prune(cli, &values, what, question, err);
	flag_list_done(&values.filters);
	return r;
}

static int run_containers(const struct cli *cli, int argc, char **argv, int *ret_status,
			  struct error *err)
{
	(void)ret_status;
	return run(cli, &command_container_prune, CONTAINERS,
		   "WARNING! This will remove all stopped containers.", argc, argv, err);
}

static int run_images(const struct cli *cli, int argc, char **argv, int *ret_status,
		      struct error *err)
{
	(void)ret_status;
	return run(cli, &command_image_prune, IMAGES,
		   "WARNING! This will remove images that are not used.", argc, argv, err);
}

static int run_volumes(const struct cli *cli, int argc, char **argv, int *ret_status,
		       struct error *err)
{
	(void)ret_status;
	return run(cli, &command_volume_prune, VOLUMES,
		   "WARNING! This will remove volumes that no container has.", argc, argv, err);
}

static int run_system(const struct cli *cli, int argc, char **argv, int *ret_status,
		      struct error *err)
{
	(void)ret_status;
	return run(cli, &command_system_prune, CONTAINERS | IMAGES,
		   "WARNING! This will remove all stopped containers and images that are not used.",
		   argc, argv, err);
}

const struct cli_command command_container_prune = {
	.name = "container prune",
	.summary = "remove all stopped containers",
	.usage = "[OPTIONS]",
	.flags = container_flags,
	.run = run_containers,
};

const struct cli_command command_image_prune = {
	.name = "image prune",
	.summary = "remove images that are not used",
	.usage = "[OPTIONS]",
	.description = "Removes images without a name that no container has; with --all also those "
		       "with one.",
	.flags = image_flags,
	.run = run_images,
};

const struct cli_command command_volume_prune = {
	.name = "volume prune",
	.summary = "remove volumes that no container has",
	.usage = "[OPTIONS]",
	.description =
		"Removes volumes that nobody named and no container has; with --all named ones "
		"too.",
	.flags = volume_flags,
	.run = run_volumes,
};

const struct cli_command command_system_prune = {
	.name = "system prune",
	.summary = "remove all that is not used",
	.usage = "[OPTIONS]",
	.description = "Removes stopped containers, images that are not used, and with --volumes "
		       "volumes that nobody named.",
	.flags = system_flags,
	.run = run_system,
};
