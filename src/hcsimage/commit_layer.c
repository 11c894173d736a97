/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcs commit` runs: a layer from the standard input onto an image. */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/number.h"
#include "cli/output.h"
#include "hcsimage/commands.h"
#include "image/reference.h"
#include "image/transfer/build.h"
#include "image/transfer/load.h"

#define CONFIG_MAX ((size_t)16 * 1024 * 1024)

struct commit_flags {
	const char *author, *message, *config_fd;
	struct flag_list changes;
};

static const struct flag flags[] = {
	FLAG(STRING, "author", 'a', struct commit_flags, author, "TEXT", NULL),
	FLAG(LIST, "change", 'c', struct commit_flags, changes, "LINE", NULL),
	FLAG(STRING, "config-fd", 0, struct commit_flags, config_fd, "N", NULL),
	FLAG(STRING, "message", 'm', struct commit_flags, message, "TEXT", NULL),
	FLAGS_END,
};

/* The configuration is not in an argument: it may have secrets. */
static int read_config(const char *number, json_t **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	uint64_t fd;
	size_t len;
	int r = number_unsigned(number, INT32_MAX, &fd);

	if (r == 0)
		r = fd_read_all((int)fd, CONFIG_MAX, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "--config-fd %s", number);
	*ret = json_loadb(text, len, 0, NULL);
	if (json_is_object(*ret))
		return 0;
	json_decref(*ret);
	return error_set(err, EINVAL, "--config-fd %s: not a JSON object", number);
}

static int parse_config(const struct commit_flags *given, json_t **ret, struct error *err)
{
	json_t *config = NULL;
	int r = 0;

	if (given->config_fd)
		r = read_config(given->config_fd, &config, err);
	else
		config = json_object();
	if (r < 0)
		return r;

	for (size_t i = 0; r == 0 && i < given->changes.len; i++)
		r = build_change(config, given->changes.items[i], err);
	if (r < 0)
		json_decref(config);
	else
		*ret = config;
	return r;
}

static int full_name(const char *text, char **ret, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	int r = image_reference_parse(text, &ref, err);

	if (r < 0)
		return r;
	*ret = image_reference_name(&ref);
	return *ret ? 0 : error_oom(err);
}

static int commit(const struct cli *cli, const struct commit_flags *given,
		  const struct flag_args *args, char **ret_id, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_ struct image base = { 0 };
	_cleanup_free_ char *name = NULL;
	json_t *config = NULL;
	int r;

	r = args->len > 1 ? full_name(args->items[1], &name, err) : 0;
	if (r == 0)
		r = parse_config(given, &config, err);
	if (r == 0)
		r = image_store_open(cli->root, &store, err);
	if (r == 0)
		r = image_store_find(store, args->items[0], NULL, &base, err);
	if (r == 0)
		r = image_commit(store, &base, STDIN_FILENO, name, given->author, given->message,
				 config, ret_id, err);
	json_decref(config);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct commit_flags given = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *id = NULL;
	struct flag_args args;
	int r = flags_parse(&command_commit_layer, argc, argv, &given, &args, err);

	(void)ret_status;
	if (r == 0)
		r = commit(cli, &given, &args, &id, err);
	flag_list_done(&given.changes);
	if (r != 0)
		return r;
	output_format(&out, "%s\n", id);
	return output_flush(&out, err);
}

const struct cli_command command_commit_layer = {
	.name = "commit-layer",
	.summary = "store a layer from the standard input: run by 'hcs commit'",
	.usage = "[OPTIONS] IMAGE [REPOSITORY[:TAG]]",
	.flags = flags,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
