/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hcs/view.h"

struct values {
	const char *format, *type;
	bool size;
};

static const struct flag flags[] = {
	FLAG(STRING, "format", 'f', struct values, format, "FORMAT",
	     "a Go template for each, or \"json\""),
	FLAG(BOOL, "size", 's', struct values, size, NULL, "also what containers take on disk"),
	FLAG(STRING, "type", 0, struct values, type, "TYPE",
	     "only container, image, network or volume"),
	FLAGS_END,
};

/* Opened when first looked into. */
struct looking {
	struct service service;
	struct image_store *images;
	const struct values *values;
};

static json_t *find_container(struct looking *l, const char *name, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;

	if (record_open(&l->service, name[0] == '/' ? name + 1 : name, RECORD_READ, &record, err) <
	    0)
		return NULL;
	return view_container(&l->service, &record, l->values->size, err);
}

static json_t *find_image(struct looking *l, const char *name, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };

	if (!l->images && service_images(&l->service, &l->images, err) < 0)
		return NULL;
	if (image_store_find(l->images, name, NULL, &image, err) < 0)
		return NULL;
	return view_image(l->images, &image, err);
}

static json_t *find_network(struct looking *l, const char *name, struct error *err)
{
	_cleanup_records_ struct view_records records = { 0 };
	struct network_info *infos = NULL;
	json_t *found = NULL;
	size_t len = 0;
	bool known = false;

	if (network_list(&l->service.network, &infos, &len, err) < 0)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (!known && strcmp(infos[i].name, name) == 0) {
			known = true;
			if (record_list(&l->service, &records.items, &records.len, err) == 0)
				found = view_network(&l->service, &infos[i], records.items,
						     records.len, err);
		}
		network_info_done(&infos[i]);
	}
	free(infos);
	if (!known)
		(void)error_set(err, ENOENT, "no such network: %s", name);
	return found;
}

static json_t *find_volume(struct looking *l, const char *name, struct error *err)
{
	return view_volume(&l->service, name, err);
}

static const struct {
	const char *type;
	json_t *(*find)(struct looking *l, const char *name, struct error *err);
} finders[] = {
	{ "container", find_container },
	{ "image", find_image },
	{ "network", find_network },
	{ "volume", find_volume },
};

/* *ret NULL with an error: nothing of that name, or what is wrong with it. */
static int find(struct looking *l, const char *name, json_t **ret, struct error *err)
{
	const char *type = l->values->type;

	for (size_t i = 0; i < ARRAY_SIZE(finders); i++) {
		_cleanup_error_ struct error why = ERROR_INIT;

		if (type && strcmp(type, finders[i].type) != 0)
			continue;
		*ret = finders[i].find(l, name, &why);
		if (*ret)
			return 0;
		/* Names that others would not take are not there either. */
		if (type || (why.code != ENOENT && why.code != EINVAL)) {
			error_move(err, &why);
			return -EINVAL;
		}
	}
	return error_set(err, ENOENT, "No such object: %s", name);
}

static int check_type(const char *type, struct error *err)
{
	for (size_t i = 0; type && i < ARRAY_SIZE(finders); i++)
		if (strcmp(type, finders[i].type) == 0)
			return 0;
	return type ? error_set(err, EINVAL,
				"\"%s\" is not a valid value for --type "
				"(container, image, network, volume)",
				type)
		    : 0;
}

int inspect_show(const struct cli *cli, const char *type, const char *format, bool size,
		 const struct flag_args *args, int *ret_status, struct error *err)
{
	const struct values values = { .type = type, .format = format, .size = size };
	struct looking l = { .values = &values };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *documents = json_array();
	int r = documents ? check_type(type, err) : error_oom(err);

	if (r == 0)
		r = hcs_open(cli, &l.service, err);
	if (r < 0) {
		json_decref(documents);
		return r;
	}
	for (int i = 0; i < args->len && r == 0; i++) {
		_cleanup_error_ struct error why = ERROR_INIT;
		json_t *document = NULL;

		if (find(&l, args->items[i], &document, &why) < 0) {
			hcs_report(error_text(&why));
			*ret_status = 1;
		} else if (json_array_append_new(documents, document) < 0) {
			r = error_oom(err);
		}
	}
	if (r == 0)
		r = format_documents(format, documents, &out, err);
	json_decref(documents);
	image_store_close(l.images);
	service_done(&l.service);
	return r < 0 ? r : output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_inspect, argc, argv, &values, &args, err);

	return r ? r
		 : inspect_show(cli, values.type, values.format, values.size, &args, ret_status,
				err);
}

const struct cli_command command_inspect = {
	.name = "inspect",
	.summary = "show all that is known of containers, images, networks and volumes",
	.usage = "[OPTIONS] NAME [NAME...]",
	.description =
		"Prints a JSON array with an object for each name, of the shape that docker's "
		"have; with --format what a template makes of each.",
	.examples =
		"  hcs inspect web\n  hcs inspect -f '{{.HostConfig.Isolation}}' web\n"
		"  hcs inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
