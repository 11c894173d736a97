/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "cli/help.h"
#include "hcsimage/commands.h"
#include "hcsimage/progress.h"
#include "hcsimage/reference.h"
#include "hcsimage/registries.h"

struct push_flags {
	bool quiet, all_tags;
};

static const struct flag flags[] = {
	FLAG(BOOL, "all-tags", 'a', struct push_flags, all_tags, NULL,
	     "push every tag of the repository that is here"),
	FLAG(BOOL, "quiet", 'q', struct push_flags, quiet, NULL, "print only the image's name"),
	FLAGS_END,
};

struct push {
	struct image_store *store;
	struct registries registries;
	struct progress progress;
};

static void push_done(struct push *push)
{
	image_store_close(push->store);
	registries_done(&push->registries);
	progress_done(&push->progress);
}

static int push_one(struct push *push, const char *text, struct error *err)
{
	const struct image_progress steps = progress_steps(&push->progress);
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *digest = NULL;
	_cleanup_free_ char *name = NULL;
	uint64_t size = 0;
	int r = image_reference_parse(text, &ref, err);

	if (r == 0)
		r = image_push(push->store, &push->registries.config, text, &steps, &digest, &size,
			       err);
	if (r < 0)
		return r;
	name = image_reference_name(&ref);
	if (!name)
		return error_oom(err);
	if (push->progress.quiet)
		output_format(&out, "%s\n", name);
	else
		output_format(&out, "%s: digest: %s size: %" PRIu64 "\n", ref.tag, digest, size);
	return output_flush(&out, err);
}

static bool is_of(const char *name, const struct image_reference *repository)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_error_ struct error ignored = ERROR_INIT;

	return image_reference_parse(name, &ref, &ignored) == 0 && ref.tag && !ref.digest &&
	       strcmp(ref.domain, repository->domain) == 0 &&
	       strcmp(ref.repository, repository->repository) == 0;
}

static int push_all(struct push *push, const char *text, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	struct image *images = NULL;
	size_t len = 0, pushed = 0;
	int r = image_reference_parse(text, &ref, err);

	if (r == 0)
		r = image_store_list(push->store, &images, &len, err);
	for (size_t i = 0; i < len; i++) {
		for (size_t n = 0; r == 0 && n < images[i].names_len; n++)
			if (is_of(images[i].names[n], &ref)) {
				r = push_one(push, images[i].names[n], err);
				pushed++;
			}
		image_done(&images[i]);
	}
	free(images);
	if (r == 0 && pushed == 0)
		return error_set(err, ENOENT, "An image does not exist locally with the tag: %s",
				 text);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_(push_done) struct push push = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	struct push_flags given = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_push, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (given.all_tags && reference_says_which(args.items[0]))
		return flags_error(&command_push, err, "tag can't be used with --all-tags/-a");
	r = registries_load(&push.registries, err);
	if (r == 0)
		r = image_store_open(cli->root, &push.store, err);
	if (r < 0)
		return r;
	progress_begin(&push.progress, given.quiet);
	if (given.all_tags)
		return push_all(&push, args.items[0], err);
	if (!given.quiet && !reference_says_which(args.items[0]))
		output_text(&out, "Using default tag: latest\n");
	r = output_flush(&out, err);
	return r < 0 ? r : push_one(&push, args.items[0], err);
}

const struct cli_command command_push = {
	.name = "push",
	.summary = "Upload an image to a registry",
	.usage = "[OPTIONS] NAME[:TAG]",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
