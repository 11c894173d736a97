/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/filter.h"
#include "hcs/view.h"
#include "image/reference.h"

#define NONE "<none>"

struct values {
	bool all, quiet, no_trunc, digests;
	const char *format;
	struct flag_list filters;
};

static const struct flag flags[] = {
	FLAG(BOOL, "all", 'a', struct values, all, NULL,
	     "also those without a name (they are shown in any case)"),
	FLAG(BOOL, "digests", 0, struct values, digests, NULL, "show digests"),
	FLAG(LIST, "filter", 'f', struct values, filters, "KEY=VALUE",
	     "only those that fit: reference, dangling, label, before, since"),
	FLAG(STRING, "format", 0, struct values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(BOOL, "no-trunc", 0, struct values, no_trunc, NULL, "do not shorten ids"),
	FLAG(BOOL, "quiet", 'q', struct values, quiet, NULL, "ids only"),
	FLAGS_END,
};

static const struct format_header headers[] = {
	{ "Repository", "REPOSITORY" },
	{ "Tag", "TAG" },
	{ "Digest", "DIGEST" },
	{ "ID", "IMAGE ID" },
	{ "CreatedSince", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "Size", "SIZE" },
	{ "VirtualSize", "SIZE" },
	{ "UniqueSize", "UNIQUE SIZE" },
	{ "SharedSize", "SHARED SIZE" },
	{ "Containers", "CONTAINERS" },
	{ NULL, NULL },
};

static const char *const filter_keys[] = { "reference", "dangling", "label", "label!",
					   "before",    "since",    NULL };

/* A name as docker shows it, cut at its tag or digest. *repository: owned. */
static int split_name(const char *name, char **repository, const char **tag, const char **digest,
		      struct image_reference *ref, struct error *err)
{
	struct image_reference bare;
	int r = image_reference_parse(name, ref, err);

	if (r < 0)
		return r;
	bare = *ref;
	bare.tag = bare.digest = NULL;
	*repository = image_reference_familiar(&bare);
	*tag = ref->tag && !ref->digest ? ref->tag : NULL;
	*digest = ref->digest;
	return *repository ? 0 : error_oom(err);
}

static const char *repo_digest(const struct image *image, const char *name)
{
	const size_t len = strcspn(name, "@");
	const char *colon = memrchr(name, ':', len);
	const char *slash = memrchr(name, '/', len);
	const size_t bare = colon && (!slash || colon > slash) ? (size_t)(colon - name) : len;

	for (size_t i = 0; i < image->repo_digests_len; i++)
		if (strncmp(image->repo_digests[i], name, bare) == 0 &&
		    image->repo_digests[i][bare] == '@')
			return image->repo_digests[i] + bare + 1;
	return NULL;
}

static int put_row(json_t *rows, const struct image *image, const char *name,
		   const struct values *values, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *repository = NULL;
	const char *tag = NULL, *digest = NULL;
	struct view row = view_new();
	char size[UNITS_SIZE], buf[VIEW_TIME_SIZE];

	if (name && split_name(name, &repository, &tag, &digest, &ref, err) < 0) {
		json_decref(row.json);
		return -EINVAL;
	}
	if (name && !digest)
		digest = repo_digest(image, name);
	view_text(&row, "Repository", repository ? repository : NONE);
	view_text(&row, "Tag", tag ? tag : NONE);
	view_text(&row, "Digest", digest ? digest : NONE);
	view_id(&row, "ID", image->id, values->no_trunc);
	view_text(&row, "CreatedSince", view_ago(image->config.created, buf));
	view_text(&row, "CreatedAt", view_time(image->config.created, buf));
	view_text(&row, "Size", units_decimal_short(image->size, size));
	view_text(&row, "VirtualSize", size);
	view_text(&row, "UniqueSize", "N/A");
	view_text(&row, "SharedSize", "N/A");
	view_text(&row, "Containers", "N/A");
	return view_end(&row, rows, err);
}

/* The argument, and the filter reference: "nano", "nano:1", and shell patterns. */
static bool fits_name(const struct filter *filter, const char *wanted, const char *name)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *familiar = NULL, *repository = NULL;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const char *tag, *digest, *patterns[2] = { wanted, NULL };
	bool any = false;

	if (!name)
		return !wanted && !filter_has(filter, "reference");
	if (split_name(name, &repository, &tag, &digest, &ref, &ignored) < 0 ||
	    !(familiar = image_reference_familiar(&ref)))
		return false;
	if (patterns[0] && strcmp(patterns[0], repository) != 0 &&
	    strcmp(patterns[0], familiar) != 0 && !filter_glob(patterns[0], repository) &&
	    !filter_glob(patterns[0], familiar) && strcmp(patterns[0], name) != 0)
		return false;
	for (size_t i = 0; i < filter->len; i++) {
		if (strcmp(filter->items[i].key, "reference") != 0)
			continue;
		any = true;
		if (filter_glob(filter->items[i].value, repository) ||
		    filter_glob(filter->items[i].value, familiar))
			return true;
	}
	return !any;
}

struct order {                /* what before and since name; owned */
	char *before, *since; /* when it was created; NULL: not asked */
};

static void order_done(struct order *order)
{
	free(order->before);
	free(order->since);
}

static int find_created(struct image_store *store, const struct filter *filter, const char *key,
			char **ret, struct error *err)
{
	_cleanup_image_ struct image other = { 0 };
	const char *name = filter_value(filter, key);
	int r = name ? image_store_find(store, name, NULL, &other, err) : 0;

	if (!name || r < 0)
		return r;
	*ret = strdup(other.config.created ? other.config.created : "");
	return *ret ? 0 : error_oom(err);
}

static bool fits_order(const struct order *order, const struct image *image)
{
	const char *created = image->config.created ? image->config.created : "";

	return (!order->before || strcmp(created, order->before) < 0) &&
	       (!order->since || strcmp(created, order->since) > 0);
}

static int put_image(json_t *rows, const struct image *image, const struct filter *filter,
		     const char *wanted, const struct values *values, struct error *err)
{
	int dangling = -1, r = filter_bool(filter, "dangling", &dangling, err);

	if (r < 0 || !filter_labels(filter, &image->config.labels) ||
	    (dangling >= 0 && dangling != (image->names_len == 0)))
		return r;
	for (size_t i = 0; i < image->names_len && r == 0; i++)
		if (fits_name(filter, wanted, image->names[i])) {
			r = put_row(rows, image, image->names[i], values, err);
			if (values->quiet) /* an id once */
				return r;
		}
	if (r == 0 && image->names_len == 0 && fits_name(filter, wanted, NULL))
		r = put_row(rows, image, NULL, values, err);
	return r;
}

static int show(const struct cli *cli, const struct values *values, const char *wanted,
		struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_images_ struct view_images images = { 0 };
	_cleanup_filter_ struct filter filter = { 0 };
	_cleanup_(order_done) struct order order = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *rows = json_array();
	int r = rows ? filter_parse(&values->filters, filter_keys, &filter, err) : error_oom(err);

	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_images(&service, &store, err);
	if (r == 0)
		r = image_store_list(store, &images.items, &images.len, err);
	if (r == 0)
		r = find_created(store, &filter, "before", &order.before, err);
	if (r == 0)
		r = find_created(store, &filter, "since", &order.since, err);
	for (size_t i = 0; i < images.len && r == 0; i++)
		if (fits_order(&order, &images.items[i]))
			r = put_image(rows, &images.items[i], &filter, wanted, values, err);
	if (r == 0)
		r = format_rows(
			values->quiet ? "{{.ID}}" : values->format,
			values->digests
				? "table {{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t"
				  "{{.CreatedSince}}\\t{{.Size}}"
				: "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t"
				  "{{.CreatedSince}}\\t{{.Size}}",
			headers, rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_images, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0)
		r = show(cli, &values, args.len > 0 ? args.items[0] : NULL, err);
	flag_list_done(&values.filters);
	return r;
}

const struct cli_command command_images = {
	.name = "images",
	.summary = "list images",
	.usage = "[OPTIONS] [REPOSITORY[:TAG]]",
	.description = "Lists the images that are here, the newest first, a line for each name.",
	.examples = "  hcs images\n  hcs images -q --filter dangling=true\n",
	.flags = flags,
	.max_args = 1,
	.run = run,
};
