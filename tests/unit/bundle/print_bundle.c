/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_bundle ROOT RUNROOT DIR FLAGS... IMAGE [COMMAND...]: what `hcs run` would make of its arguments, as
 * far as that goes without running anything. Prints {"config": …, "bundle": …}; errors as hcs does. DIR
 * stands for the container's directory. With PRINT_BUNDLE_NETNS in the environment that is its network.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "hcs/run_flags.h"
#include "service/bundle.h"

static const struct cli_command command = {
	.name = "run",
	.flags = run_flags_table,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
};

/* What is stored must be what is read. */
static int round_trip(struct container_config *config, json_t **ret, struct error *err)
{
	struct container_config again = { 0 };
	json_t *first = container_config_json(config), *second;
	int r = container_config_from_json(first, &again, err);

	if (r < 0)
		return error_wrap(err, r, "what was written is not read");
	second = container_config_json(&again);
	if (!json_equal(first, second))
		r = error_set(err, EINVAL, "what was written is read otherwise:\n%s\n%s",
			      json_dumps(first, 0), json_dumps(second, 0));
	json_decref(second);
	container_config_done(config);
	*config = again;
	*ret = first;
	return r;
}

static int make(struct service *service, const char *dir, struct container_config *config,
		struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_ struct image image = { 0 };
	_cleanup_free_ char *text = NULL, *dumped = NULL;
	_cleanup_close_ int dir_fd = -1;
	struct record record = RECORD_INIT;
	json_auto_t *stored = NULL;
	size_t len;
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_store_find(store, config->image, NULL, &image, err);
	if (r == 0)
		r = container_config_merge_image(config, &image.config, err);
	if (r == 0)
		r = container_config_check(config, err);
	if (r == 0)
		r = bundle_check_fit(config, &image, err);
	if (r == 0)
		r = round_trip(config, &stored, err);
	if (r < 0)
		return r;
	record.path = (char *)dir;
	record.dir_fd = dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	record.id = (char *)"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	record.name = (char *)"test";
	record.state.network.netns = getenv("PRINT_BUNDLE_NETNS");
	record.config = *config; /* borrowed */
	r = bundle_write(service, store, &image, &record, err);
	if (r == 0)
		r = file_read(record.dir_fd, "bundle/config.json", 1 << 24, &text, &len);
	if (r < 0)
		return r;
	dumped = json_dumps(stored, 0);
	printf("{\"config\": %s, \"bundle\": %s}\n", dumped, text);
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	_cleanup_run_flags_ struct run_flags flags = RUN_FLAGS_INIT;
	_cleanup_container_config_ struct container_config config = { 0 };
	_cleanup_service_ struct service service = { 0 };
	struct flag_args args;
	int r = flags_parse(&command, argc - 4, argv + 4, &flags, &args, err);

	if (r == 0)
		r = run_flags_config(&command, &flags, &args, &config, err);
	if (r == 0 && config.isolation == ISOLATION_DEFAULT)
		config.isolation = ISOLATION_PROCESS;
	if (r == 0)
		r = service_open(argv[1], argv[2], &service, err);
	return r ? r : make(&service, argv[3], &config, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (argc < 5 || run(argc, argv, &err) != 0) {
		(void)fprintf(stderr, "%s\n", error_text(&err));
		return err.exit_status ? err.exit_status : 1;
	}
	return 0;
}
