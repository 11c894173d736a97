/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/view.h"
#include "image/reference.h"

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_image_ struct image image = { 0 };
	_cleanup_free_ char *name = NULL;
	struct flag_args args;
	int r = flags_parse(&command_tag, argc, argv, NULL, &args, err);

	(void)ret_status;
	if (r)
		return r;
	r = image_reference_parse(args.items[1], &ref, err);
	if (r == 0 && ref.digest)
		r = error_set(err, EINVAL, "refusing to create a tag with a digest reference");
	if (r == 0 && !(name = image_reference_name(&ref)))
		r = error_oom(err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = service_images(&service, &store, err);
	if (r == 0)
		r = image_store_find(store, args.items[0], NULL, &image, err);
	return r < 0 ? r : image_store_tag(store, &image, name, err);
}

const struct cli_command command_tag = {
	.name = "tag",
	.summary = "give an image another name",
	.usage = "IMAGE NAME[:TAG]",
	.description = "Gives an image one more name; what had that name before loses it.",
	.examples = "  hcs tag nano localhost:5000/nano:1\n",
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
