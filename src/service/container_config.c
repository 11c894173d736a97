/* SPDX-License-Identifier: Apache-2.0 */
#include "service/container_config.h"

#include <string.h>
#include <sys/random.h>

#include "base/number.h"
#include "service/lists.h"
#include "service/volume_spec.h"

#define IMAGE_VOLUMES_MAX 1024 /* each becomes a directory, and a mount */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const policy_names[] = { "no", "on-failure", "always", "unless-stopped" };

void container_config_done(struct container_config *config)
{
	arena_done(&config->arena);
	*config = (struct container_config){ 0 };
}

const char *restart_policy_name(enum restart_policy policy)
{
	return policy_names[policy];
}

int restart_policy_parse(const char *text, enum restart_policy *ret, uint32_t *ret_max,
			 struct error *err)
{
	const char *colon = strchr(text, ':');
	const size_t len = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t max = 0;

	if (colon && number_unsigned(colon + 1, UINT32_MAX, &max) < 0)
		return error_set(err, EINVAL,
				 "invalid restart policy format: maximum retry count must be an "
				 "integer");
	for (size_t i = 0; i < ARRAY_SIZE(policy_names); i++) {
		if (strlen(policy_names[i]) != len || memcmp(policy_names[i], text, len) != 0)
			continue;
		if (colon && i != RESTART_ON_FAILURE)
			return error_set(err, EINVAL,
					 "invalid restart policy: maximum retry count can only be "
					 "used with 'on-failure'");
		*ret = (enum restart_policy)i;
		*ret_max = (uint32_t)max;
		return 0;
	}
	return error_set(err, EINVAL,
			 "invalid restart policy: unknown policy '%.*s'; use one of 'no', "
			 "'always', 'on-failure', or 'unless-stopped'",
			 (int)len, text);
}

/* --- what the image says ------------------------------------------------------------------------ */

static size_t name_length(const char *entry)
{
	return strcspn(entry, "=");
}

static bool same_name(const char *a, const char *b)
{
	const size_t len = name_length(a);

	return len == name_length(b) && memcmp(a, b, len) == 0;
}

/* entry into list (room is there), in the place of the variable of its name. */
static void set_variable(struct strv *list, char *entry)
{
	for (size_t i = 0; i < list->len; i++)
		if (same_name(list->items[i], entry)) {
			list->items[i] = entry;
			return;
		}
	list->items[list->len++] = entry;
}

static int merge_env(struct container_config *config, const struct strv *image, struct error *err)
{
	struct strv merged = { 0 };
	size_t kept = 0;
	char *copy;

	merged.items = arena_array(&config->arena, char *, config->env.len + image->len + 2);
	if (!merged.items)
		return error_oom(err);
	for (size_t i = 0; i < image->len; i++) {
		copy = arena_strdup(&config->arena, image->items[i]);
		if (!copy)
			return error_oom(err);
		set_variable(&merged, copy);
	}
	for (size_t i = 0; i < config->env.len; i++)
		set_variable(&merged, config->env.items[i]);
	copy = arena_strdup(&config->arena, DEFAULT_PATH);
	if (!copy)
		return error_oom(err);
	for (size_t i = 0; i < merged.len; i++)
		if (strchr(merged.items[i], '='))
			merged.items[kept++] = merged.items[i];
	merged.len = kept;
	merged.items[kept] = NULL;
	for (size_t i = 0; i < merged.len; i++)
		if (same_name(merged.items[i], copy)) {
			config->env = merged;
			return 0;
		}
	memmove(merged.items + 1, merged.items, (merged.len + 1) * sizeof(char *));
	merged.items[0] = copy;
	merged.len++;
	config->env = merged;
	return 0;
}

static int merge_command(struct container_config *config, const struct image_config *image,
			 struct error *err)
{
	struct arena *arena = &config->arena;
	int r = 0;

	if (config->entrypoint.len == 0) {
		if (config->cmd.len == 0 && image->cmd.len > 0) {
			config->cmd = (struct strv){ 0 };
			r = strv_append(arena, &config->cmd, image->cmd.items, image->cmd.len, err);
		}
		if (r == 0 && !config->entrypoint.items && image->entrypoint.len > 0)
			r = strv_append(arena, &config->entrypoint, image->entrypoint.items,
					image->entrypoint.len, err);
	}
	if (r < 0)
		return r;
	if (config->entrypoint.len == 1 && !config->entrypoint.items[0][0])
		config->entrypoint = (struct strv){ 0 };
	if (config->entrypoint.len + config->cmd.len == 0)
		return error_set(err, EINVAL, "no command specified");
	return 0;
}

static int merge_labels(struct container_config *config, const struct key_values *image,
			struct error *err)
{
	struct key_values merged = { .items = list_grow(&config->arena, NULL, 0, image->len + 1,
							sizeof(*merged.items)) };
	int r = merged.items ? 0 : error_oom(err);

	/* At once: an image may have more of them than a list that grows by copies can take. */
	for (; r == 0 && merged.len < image->len; merged.len++) {
		struct key_value *label = &merged.items[merged.len];

		r = text_set(&config->arena, &label->key, image->items[merged.len].key, err);
		if (r == 0)
			r = text_set(&config->arena, &label->value, image->items[merged.len].value,
				     err);
	}
	for (size_t i = 0; r == 0 && i < config->labels.len; i++)
		r = key_values_set(&config->arena, &merged, config->labels.items[i].key,
				   config->labels.items[i].value, err);
	if (r == 0)
		config->labels = merged;
	return r;
}

static bool has_volume(const struct container_config *config, const char *destination)
{
	for (size_t i = 0; i < config->volumes_len; i++)
		if (strcmp(config->volumes[i].destination, destination) == 0)
			return true;
	return false;
}

static int merge_volumes(struct container_config *config, const struct strv *image,
			 struct error *err)
{
	struct arena *arena = &config->arena;
	int r = 0;

	if (image->len > IMAGE_VOLUMES_MAX)
		return error_set(err, E2BIG, "the image has %zu volumes, more than %d", image->len,
				 IMAGE_VOLUMES_MAX);
	for (size_t i = 0; r == 0 && i < image->len; i++) {
		struct container_volume volume = { .kind = VOLUME_NAMED, .anonymous = true };
		struct container_volume *grown;

		r = volume_set_destination(&volume, image->items[i], image->items[i], arena, err);
		if (r < 0)
			return error_wrap(err, r, "the image's volumes");
		if (!strv_has(&config->volumes_of_image, volume.destination))
			r = strv_add(arena, &config->volumes_of_image, volume.destination, err);
		if (r < 0 || has_volume(config, volume.destination))
			continue;
		grown = list_grow(arena, config->volumes, config->volumes_len, 1, sizeof(*grown));
		if (!grown)
			return error_oom(err);
		grown[config->volumes_len++] = volume;
		config->volumes = grown;
	}
	return r;
}

static int name_volumes(struct container_config *config, struct error *err)
{
	for (size_t i = 0; i < config->volumes_len; i++) {
		struct container_volume *volume = &config->volumes[i];
		unsigned char random[32];

		if (!volume->anonymous || volume->source)
			continue;
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return error_sys(err, errno, "getrandom");
		volume->source = arena_alloc(&config->arena, 2 * sizeof(random) + 1, 1);
		if (!volume->source)
			return error_oom(err);
		for (size_t k = 0; k < sizeof(random); k++)
			(void)snprintf(volume->source + 2 * k, 3, "%02x", random[k]);
	}
	return 0;
}

static int merge_ports(struct container_config *config, const struct strv *image, struct error *err)
{
	_cleanup_free_ char **more = calloc(image->len + 1, sizeof(*more));
	size_t len = 0;

	if (!more)
		return error_oom(err);
	for (size_t i = 0; i < image->len; i++)
		if (!strv_has(&config->exposed_ports, image->items[i]))
			more[len++] = image->items[i];
	return strv_append(&config->arena, &config->exposed_ports, more, len, err);
}

static int merge_texts(struct container_config *config, const struct image_config *image,
		       struct error *err)
{
	struct arena *arena = &config->arena;
	int r = 0;

	if (!config->user)
		r = text_set(arena, &config->user, image->user, err);
	if (r == 0 && !config->working_dir)
		r = text_set(arena, &config->working_dir, image->working_dir, err);
	if (r == 0 && !config->stop_signal)
		r = text_set(arena, &config->stop_signal, image->stop_signal, err);
	return r < 0 ? r : merge_ports(config, &image->exposed_ports, err);
}

int container_config_merge_image(struct container_config *config, const struct image_config *image,
				 struct error *err)
{
	int r = merge_env(config, &image->env, err);

	if (r == 0)
		r = merge_command(config, image, err);
	if (r == 0)
		r = merge_labels(config, &image->labels, err);
	if (r == 0)
		r = merge_volumes(config, &image->volumes, err);
	if (r == 0)
		r = name_volumes(config, err);
	return r < 0 ? r : merge_texts(config, image, err);
}
