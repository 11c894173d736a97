/* SPDX-License-Identifier: Apache-2.0 */
/* The image library by command line, for the tests: image_tool STORE COMMAND ARGUMENT... */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "image/reference.h"
#include "image/transfer/load.h"

struct context {
	struct image_store *store;
	char **args; /* NULL-terminated */
};

static void print_loaded(const char *name, void *data)
{
	(void)data;
	printf("Loaded image: %s\n", name);
}

static void print_report(const char *what, const char *which, void *data)
{
	(void)data;
	printf("%s: %s\n", what, which);
}

static int open_input(const char *path)
{
	return strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
}

static int load(struct context *c, struct error *err)
{
	struct image_platform platform;
	int fd = open_input(c->args[0]);

	if (fd < 0)
		return error_sys(err, errno, "%s", c->args[0]);
	if (c->args[1] && image_platform_parse(c->args[1], &platform, err) < 0)
		return -err->code;
	return image_load(c->store, fd, c->args[1] ? &platform : NULL, NULL, print_loaded, NULL,
			  err);
}

static int save(struct context *c, struct error *err)
{
	size_t n = 0;

	while (c->args[n])
		n++;
	return image_save(c->store, (const char *const *)c->args, n, 1, err);
}

static int import(struct context *c, struct error *err)
{
	char *id = NULL;
	size_t n = 0;
	int fd = open_input(c->args[0]), r;

	while (c->args[2 + n])
		n++;
	r = image_import(c->store, fd, c->args[1], NULL, (const char *const *)c->args + 2, n, NULL,
			 &id, err);
	if (r == 0)
		puts(id);
	free(id);
	return r;
}

static int commit(struct context *c, struct error *err)
{
	_cleanup_image_ struct image base = { 0 };
	char *id = NULL;
	int fd = open_input(c->args[1]);
	int r = image_store_find(c->store, c->args[0], NULL, &base, err);

	if (r == 0)
		r = image_commit(c->store, &base, fd, c->args[2], "someone", "a message", NULL, &id,
				 err);
	if (r == 0)
		puts(id);
	free(id);
	return r;
}

static void print_image(const struct image *image)
{
	json_t *names = json_array(), *layers = json_array(), *diff_ids = json_array(),
	       *cmd = json_array(), *env = json_array(), *digests = json_array();
	json_t *document;
	char *text;

	for (size_t i = 0; i < image->names_len; i++)
		json_array_append_new(names, json_string(image->names[i]));
	for (size_t i = 0; i < image->repo_digests_len; i++)
		json_array_append_new(digests, json_string(image->repo_digests[i]));
	for (size_t i = 0; i < image->layers_len; i++)
		json_array_append_new(layers, json_string(image->layers[i].digest));
	for (size_t i = 0; i < image->config.diff_ids.len; i++)
		json_array_append_new(diff_ids, json_string(image->config.diff_ids.items[i]));
	for (size_t i = 0; i < image->config.cmd.len; i++)
		json_array_append_new(cmd, json_string(image->config.cmd.items[i]));
	for (size_t i = 0; i < image->config.env.len; i++)
		json_array_append_new(env, json_string(image->config.env.items[i]));
	document =
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:I}", "id", image->id,
			  "names", names, "layers", layers, "diff_ids", diff_ids, "cmd", cmd, "env",
			  env, "repo_digests", digests, "manifest", image->manifest.digest,
			  "target", image->target.digest, "size", (json_int_t)image->size);
	text = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	puts(text);
	free(text);
}

static int list(struct context *c, struct error *err)
{
	struct image *images;
	size_t n;
	int r = image_store_list(c->store, &images, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		print_image(&images[i]);
		image_done(&images[i]);
	}
	free(images);
	return 0;
}

static int inspect(struct context *c, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };
	int r = image_store_find(c->store, c->args[0], NULL, &image, err);

	if (r == 0)
		print_image(&image);
	return r;
}

static int folders(struct context *c, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };
	char **list_of = NULL;
	size_t n = 0;
	int r = image_store_find(c->store, c->args[0], NULL, &image, err);

	if (r == 0)
		r = image_store_folders(c->store, &image, &list_of, &n, err);
	for (size_t i = 0; i < n; i++) {
		puts(list_of[i]);
		free(list_of[i]);
	}
	free(list_of);
	return r;
}

static int tag(struct context *c, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };
	int r = image_store_find(c->store, c->args[0], NULL, &image, err);

	return r < 0 ? r : image_store_tag(c->store, &image, c->args[1], err);
}

static int rmi(struct context *c, struct error *err)
{
	return image_store_remove(c->store, c->args[0], c->args[1] != NULL, print_report, NULL,
				  err);
}

static int collect(struct context *c, struct error *err)
{
	return image_store_collect(c->store, 0, err);
}

static int pin(struct context *c, struct error *err)
{
	return image_store_pin(c->store, c->args[0], c->args[1], true, err);
}

static int unpin(struct context *c, struct error *err)
{
	return image_store_unpin(c->store, c->args[0], err);
}

/* extract ROOT ARCHIVE [overlay|devices|owner|cp]... */
static int extract(struct context *c, struct error *err)
{
	struct archive_extract how = { .root = open(c->args[0], O_RDONLY | O_DIRECTORY) };
	uint64_t bytes = 0;
	int r;

	for (char **option = c->args + 2; *option; option++) {
		if (strcmp(*option, "overlay") == 0)
			how.whiteout = ARCHIVE_WHITEOUT_OVERLAY;
		how.devices |= strcmp(*option, "devices") == 0;
		how.same_owner |= strcmp(*option, "owner") == 0;
		how.no_overwrite_dir |= strcmp(*option, "cp") == 0;
	}
	r = archive_extract(open_input(c->args[1]), &how, &bytes, err);
	if (r == 0)
		printf("%llu\n", (unsigned long long)bytes);
	return r;
}

/* create ROOT PATH NAME|- [overlay|follow|mounts]... to stdout */
static int create(struct context *c, struct error *err)
{
	struct archive_create how = { .root = open(c->args[0], O_RDONLY | O_DIRECTORY),
				      .path = c->args[1],
				      .name = strcmp(c->args[2], "-") == 0 ? NULL : c->args[2] };

	for (char **option = c->args + 3; *option; option++) {
		if (strcmp(*option, "overlay") == 0)
			how.whiteout = ARCHIVE_WHITEOUT_OVERLAY;
		how.follow |= strcmp(*option, "follow") == 0;
		how.mounts |= strcmp(*option, "mounts") == 0;
	}
	return archive_create(1, &how, err);
}

static const struct {
	const char *name;
	int (*run)(struct context *c, struct error *err);
	int least;
	bool storeless;
} commands[] = {
	{ "load", load, 1, false },       { "save", save, 1, false },
	{ "import", import, 2, false },   { "commit", commit, 3, false },
	{ "list", list, 0, false },       { "inspect", inspect, 1, false },
	{ "folders", folders, 1, false }, { "tag", tag, 2, false },
	{ "rmi", rmi, 1, false },         { "collect", collect, 0, false },
	{ "pin", pin, 2, false },         { "unpin", unpin, 1, false },
	{ "extract", extract, 2, true },  { "create", create, 3, true },
};

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct context context = { .args = argv + 3 };
	int r = -EINVAL;

	for (size_t i = 0; argc >= 3 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[2]) != 0 || argc - 3 < commands[i].least)
			continue;
		r = commands[i].storeless ? 0 : image_store_open(argv[1], &context.store, &err);
		if (r == 0)
			r = commands[i].run(&context, &err);
		image_store_close(context.store);
		if (r < 0)
			fprintf(stderr, "%d %s\n", err.code, error_text(&err));
		return r < 0;
	}
	fprintf(stderr, "usage: image_tool STORE COMMAND ARGUMENT...\n");
	return 2;
}
