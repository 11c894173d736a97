/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "service/bundle.h"
#include "service/lifecycle.h"
#include "service/record.h"
#include "service/scratch.h"

/* "container:NAME" → "container:ID" (owned by the arena): a rename must not lose it. */
static int resolve_mode(const struct service *service, struct arena *arena, char **mode,
			struct error *err)
{
	static const char prefix[] = "container:";
	struct record other = RECORD_INIT;
	int r;

	if (!*mode || strncmp(*mode, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	r = record_open(service, *mode + sizeof(prefix) - 1, RECORD_READ, &other, err);
	if (r < 0)
		return r;
	*mode = arena_printf(arena, "%s%s", prefix, other.id);
	record_done(&other);
	return *mode ? 0 : error_oom(err);
}

static int resolve_modes(const struct service *service, struct container_config *config,
			 struct error *err)
{
	int r = resolve_mode(service, &config->arena, &config->network_mode, err);

	if (r == 0)
		r = resolve_mode(service, &config->arena, &config->pid_mode, err);
	if (r == 0)
		r = resolve_mode(service, &config->arena, &config->ipc_mode, err);
	return r;
}

int service_create(const struct service *service, const char *name, struct container_config *config,
		   const struct image *image, char **ret_id, struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r;

	r = container_config_merge_image(config, &image->config, err);
	if (r == 0)
		r = resolve_modes(service, config, err);
	if (r == 0)
		r = container_config_check(config, err);
	if (r == 0)
		r = bundle_check_fit(config, image, err);
	if (r == 0)
		r = service_images(service, &images, err);
	if (r == 0)
		r = record_make(service, name, config, image->id, &record, err);
	if (r < 0)
		return r;
	r = image_store_pin(images, record.id, image->id, !record.config.auto_remove, err);
	if (r == 0)
		r = scratch_make(&record, err);
	if (r == 0)
		*ret_id = TAKE_PTR(record.id);
	if (r < 0)
		(void)record_remove(service, &record, true, &ignored);
	return r;
}
