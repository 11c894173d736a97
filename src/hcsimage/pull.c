/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/help.h"
#include "hcsimage/commands.h"
#include "hcsimage/progress.h"
#include "hcsimage/reference.h"
#include "hcsimage/registries.h"

struct pull_flags {
	bool quiet, all_tags;
	const char *platform;
};

static const struct flag flags[] = {
	FLAG(BOOL, "all-tags", 'a', struct pull_flags, all_tags, NULL,
	     "pull every tag of the repository"),
	FLAG(STRING, "platform", 0, struct pull_flags, platform, "OS/ARCH[/VARIANT]",
	     "the platform, where there are several (default: the host's)"),
	FLAG(BOOL, "quiet", 'q', struct pull_flags, quiet, NULL, "print only the image's name"),
	FLAGS_END,
};

struct pull {
	struct image_store *store;
	struct registries registries;
	struct image_platform platform;
	struct progress progress;
};

static void pull_done(struct pull *pull)
{
	image_store_close(pull->store);
	registries_done(&pull->registries);
	progress_done(&pull->progress);
}

/* What docker says at the end. */
static int print_result(const struct pull *pull, const char *text, const char *digest, bool is_new,
			bool last, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *familiar = NULL;
	_cleanup_free_ char *name = NULL;
	int r = image_reference_parse(text, &ref, err);

	if (r < 0)
		return r;
	familiar = image_reference_familiar(&ref);
	name = image_reference_name(&ref);
	if (!familiar || !name)
		return error_oom(err);
	if (!pull->progress.quiet) {
		output_format(&out, "Digest: %s\n", digest);
		output_format(&out, "Status: %s for %s\n",
			      is_new ? "Downloaded newer image" : "Image is up to date", familiar);
	}
	if (last)
		output_format(&out, "%s\n", name);
	return output_flush(&out, err);
}

static int pull_one(struct pull *pull, const char *text, bool last, struct error *err)
{
	const struct image_progress steps = progress_steps(&pull->progress);
	_cleanup_free_ char *digest = NULL;
	bool is_new = false;
	int r = image_pull(pull->store, &pull->registries.config,
			   &(struct image_pull){ .reference = text, .platform = pull->platform },
			   &steps, &digest, &is_new, err);

	return r < 0 ? r : print_result(pull, text, digest, is_new, last, err);
}

static void free_tags(char ***tags)
{
	for (char **tag = *tags; tag && *tag; tag++)
		free(*tag);
	free(*tags);
}

static int pull_all(struct pull *pull, const char *repository, struct error *err)
{
	_cleanup_(free_tags) char **tags = NULL;
	size_t len;
	int r = image_registry_tags(&pull->registries.config, repository, &tags, &len, err);

	if (r == 0 && len == 0)
		return error_set(err, ENOENT, "%s: the repository has no tags", repository);
	for (size_t i = 0; r == 0 && i < len; i++) {
		_cleanup_free_ char *text = NULL;

		if (asprintf(&text, "%s:%s", repository, tags[i]) < 0) {
			text = NULL;
			return error_oom(err);
		}
		r = pull_one(pull, text, i + 1 == len, err);
	}
	return r;
}

static int say_default_tag(const struct pull_flags *given, const char *text, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	if (given->quiet || reference_says_which(text))
		return 0;
	output_text(&out, "Using default tag: latest\n");
	return output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_(pull_done) struct pull pull = { 0 };
	struct pull_flags given = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_pull, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = image_reference_parse(args.items[0], &ref, err);
	if (r == 0 && given.platform)
		r = image_platform_parse(given.platform, &pull.platform, err);
	if (r < 0)
		return r;
	if (given.all_tags && reference_says_which(args.items[0]))
		return flags_error(&command_pull, err, "tag can't be used with --all-tags/-a");
	r = registries_load(&pull.registries, err);
	if (r == 0)
		r = image_store_open(cli->root, &pull.store, err);
	if (r < 0)
		return r;
	progress_begin(&pull.progress, given.quiet);
	if (given.all_tags)
		return pull_all(&pull, args.items[0], err);
	r = say_default_tag(&given, args.items[0], err);
	return r < 0 ? r : pull_one(&pull, args.items[0], true, err);
}

const struct cli_command command_pull = {
	.name = "pull",
	.summary = "Download an image from a registry",
	.usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
