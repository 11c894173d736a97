/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/view.h"
#include "image/reference.h"

struct values {
	bool force, no_prune;
};

static const struct flag flags[] = {
	FLAG(BOOL, "force", 'f', struct values, force, NULL,
	     "also where containers, or several names, have it"),
	FLAG(BOOL, "no-prune", 0, struct values, no_prune, NULL, NULL),
	FLAGS_END,
};

/* Names as people write them. */
static void report(const char *what, const char *which, void *data)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_free_ char *familiar = NULL;

	if (!image_digest_valid(which) && image_reference_parse(which, &ref, &ignored) == 0)
		familiar = image_reference_familiar(&ref);
	output_format(data, "%s: %s\n", what, familiar ? familiar : which);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_image_store_ struct image_store *store = NULL;
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_rmi, argc, argv, &values, &args, err);

	if (r == 0 && values.no_prune)
		r = error_set(err, ENOTSUP,
			      "--no-prune is not supported: there are no untagged parents to keep");
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_images(&service, &store, err);
	for (int i = 0; r == 0 && i < args.len; i++) {
		_cleanup_error_ struct error failure = ERROR_INIT;
		_cleanup_output_ struct output out = OUTPUT_INIT;

		if (image_store_remove(store, args.items[i], values.force, report, &out, &failure) <
		    0) {
			hcs_report(error_text(&failure));
			*ret_status = 1;
		}
		r = output_flush(&out, err);
	}
	return r;
}

const struct cli_command command_rmi = {
	.name = "rmi",
	.summary = "remove images",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.description = "Removes names of images, and with its last name the image itself.",
	.examples = "  hcs rmi nano:old\n  hcs rmi -f 5abfd69d381b\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
