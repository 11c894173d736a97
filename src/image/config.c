/* SPDX-License-Identifier: Apache-2.0 */
#include "image/config.h"

#include <string.h>

#include "base/json.h"
#include "image/descriptor.h"
#include "image/reference.h"

#define HISTORY_MAX 4096

static int optional_string(const struct json_at *object, const char *key, struct arena *arena,
			   char **ret, struct error *err)
{
	struct json_at at = json_member(object, key);

	return at.value ? json_get_string(&at, arena, ret, err) : 0;
}

static int optional_strings(const struct json_at *object, const char *key, struct arena *arena,
			    struct strv *ret, struct error *err)
{
	struct json_at at = json_member(object, key);

	return at.value ? json_get_strings(&at, arena, &ret->items, &ret->len, err) : 0;
}

/* {"80/tcp": {}}: a set. */
static int optional_keys(const struct json_at *object, const char *key, struct arena *arena,
			 struct strv *ret, struct error *err)
{
	struct json_at at = json_member(object, key), member;
	void *iter = NULL;
	size_t n;
	int r;

	if (!at.value)
		return 0;
	r = json_get_object(&at, &n, err);
	if (r < 0)
		return r;
	ret->items = arena_array(arena, char *, n + 1);
	if (!ret->items)
		return error_oom(err);
	while (json_next_member(&at, &iter, &member)) {
		ret->items[ret->len] = arena_strdup(arena, member.key);
		if (!ret->items[ret->len++])
			return error_oom(err);
	}
	return 0;
}

static int optional_pairs(const struct json_at *object, const char *key, struct arena *arena,
			  struct key_values *ret, struct error *err)
{
	struct json_at at = json_member(object, key), member;
	void *iter = NULL;
	size_t n;
	int r;

	if (!at.value)
		return 0;
	r = json_get_object(&at, &n, err);
	if (r < 0)
		return r;
	ret->items = arena_array(arena, struct key_value, n + 1);
	if (!ret->items)
		return error_oom(err);
	while (json_next_member(&at, &iter, &member)) {
		struct key_value *pair = &ret->items[ret->len];

		pair->key = arena_strdup(arena, member.key);
		if (!pair->key)
			return error_oom(err);
		r = json_get_string(&member, arena, &pair->value, err);
		if (r < 0)
			return r;
		ret->len++;
	}
	return 0;
}

static int optional_i64(const struct json_at *object, const char *key, int64_t *ret,
			struct error *err)
{
	struct json_at at = json_member(object, key);

	return at.value ? json_get_i64(&at, INT64_MIN, INT64_MAX, ret, err) : 0;
}

static int parse_healthcheck(const struct json_at *config, struct image_config *ret,
			     struct error *err)
{
	struct json_at at = json_member(config, "Healthcheck");
	struct image_healthcheck *check;
	size_t n;
	int r;

	if (!at.value)
		return 0;
	r = json_get_object(&at, &n, err);
	if (r < 0)
		return r;
	check = arena_new(&ret->arena, struct image_healthcheck);
	if (!check)
		return error_oom(err);
	ret->healthcheck = check;
	r = optional_strings(&at, "Test", &ret->arena, &check->test, err);
	if (r == 0)
		r = optional_i64(&at, "Interval", &check->interval, err);
	if (r == 0)
		r = optional_i64(&at, "Timeout", &check->timeout, err);
	if (r == 0)
		r = optional_i64(&at, "StartPeriod", &check->start_period, err);
	if (r == 0)
		r = optional_i64(&at, "Retries", &check->retries, err);
	return r;
}

static int parse_execution(const struct json_at *root, struct image_config *ret, struct error *err)
{
	struct json_at at = json_member(root, "config");
	struct arena *arena = &ret->arena;
	const struct {
		const char *key;
		struct strv *to;
	} lists[] = { { "Env", &ret->env },
		      { "Entrypoint", &ret->entrypoint },
		      { "Cmd", &ret->cmd },
		      { "Shell", &ret->shell } };
	const struct {
		const char *key;
		char **to;
	} strings[] = { { "User", &ret->user },
			{ "WorkingDir", &ret->working_dir },
			{ "StopSignal", &ret->stop_signal } };
	size_t n;
	int r;

	if (!at.value)
		return 0;
	r = json_get_object(&at, &n, err);
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		r = optional_strings(&at, lists[i].key, arena, lists[i].to, err);
	for (size_t i = 0; i < ARRAY_SIZE(strings) && r == 0; i++) {
		r = optional_string(&at, strings[i].key, arena, strings[i].to, err);
		/* Docker writes "" for what is not said. */
		if (*strings[i].to && !**strings[i].to)
			*strings[i].to = NULL;
	}
	if (r == 0)
		r = optional_keys(&at, "ExposedPorts", arena, &ret->exposed_ports, err);
	if (r == 0)
		r = optional_keys(&at, "Volumes", arena, &ret->volumes, err);
	if (r == 0)
		r = optional_pairs(&at, "Labels", arena, &ret->labels, err);
	return r == 0 ? parse_healthcheck(&at, ret, err) : r;
}

static int parse_platform(const struct json_at *root, struct image_config *ret, struct error *err)
{
	struct image_platform *platform = &ret->platform;
	const struct {
		const char *key;
		char *to;
		bool required;
	} parts[] = { { "os", platform->os, true },
		      { "architecture", platform->architecture, true },
		      { "variant", platform->variant, false } };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct json_at at = json_member(root, parts[i].key);
		char *text = NULL;
		int r;

		if (!at.value && !parts[i].required)
			continue;
		r = json_get_string(&at, &ret->arena, &text, err);
		if (r < 0)
			return r;
		if (strlen(text) >= sizeof(platform->os))
			return json_error(&at, err, "too long");
		(void)snprintf(parts[i].to, sizeof(platform->os), "%s", text);
	}
	return 0;
}

static int parse_rootfs(const struct json_at *root, struct image_config *ret, struct error *err)
{
	struct json_at at = json_member(root, "rootfs"), ids = json_member(&at, "diff_ids");
	char *type = NULL;
	size_t n;
	int r = json_get_object(&at, &n, err);

	if (r == 0)
		r = optional_string(&at, "type", &ret->arena, &type, err);
	if (r == 0 && type && strcmp(type, "layers") != 0)
		return json_error(&at, err, "type is not \"layers\"");
	/* An image without layers has null or nothing. */
	if (r < 0 || !ids.value)
		return r;
	r = json_get_strings(&ids, &ret->arena, &ret->diff_ids.items, &ret->diff_ids.len, err);
	if (r < 0)
		return r;
	if (ret->diff_ids.len > IMAGE_LAYERS_MAX)
		return json_error(&ids, err, "more than %d layers", IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < ret->diff_ids.len; i++) {
		struct json_at id = json_element(&ids, i);

		if (!image_digest_valid(ret->diff_ids.items[i]))
			return json_error(&id, err, "no digest");
	}
	return 0;
}

static int parse_history(const struct json_at *root, struct image_config *ret, struct error *err)
{
	struct json_at at = json_member(root, "history");
	struct arena *arena = &ret->arena;
	size_t len;
	int r;

	if (!at.value)
		return 0;
	r = json_get_array(&at, HISTORY_MAX, &len, err);
	if (r < 0)
		return r;
	ret->history = arena_array(arena, struct image_history, len + 1);
	if (!ret->history)
		return error_oom(err);
	ret->history_len = len;
	for (size_t i = 0; i < len && r == 0; i++) {
		struct image_history *entry = &ret->history[i];
		struct json_at element = json_element(&at, i);
		struct json_at empty = json_member(&element, "empty_layer");
		size_t n;

		r = json_get_object(&element, &n, err);
		if (r == 0)
			r = optional_string(&element, "created", arena, &entry->created, err);
		if (r == 0)
			r = optional_string(&element, "created_by", arena, &entry->created_by, err);
		if (r == 0)
			r = optional_string(&element, "author", arena, &entry->author, err);
		if (r == 0)
			r = optional_string(&element, "comment", arena, &entry->comment, err);
		if (r == 0 && empty.value)
			r = json_get_bool(&empty, &entry->empty_layer, err);
	}
	return r;
}

int image_config_parse(const char *text, size_t len, struct image_config *ret, struct error *err)
{
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	size_t n;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return error_wrap(err, r, "image configuration");
	root = json_root(&doc, NULL);
	r = json_get_object(&root, &n, err);
	if (r == 0)
		r = parse_platform(&root, &config, err);
	if (r == 0)
		r = optional_string(&root, "created", &config.arena, &config.created, err);
	if (r == 0)
		r = optional_string(&root, "author", &config.arena, &config.author, err);
	if (r == 0)
		r = parse_execution(&root, &config, err);
	if (r == 0)
		r = parse_rootfs(&root, &config, err);
	if (r == 0)
		r = parse_history(&root, &config, err);
	if (r < 0)
		return error_wrap(err, r, "image configuration");
	*ret = config;
	config = (struct image_config){ 0 };
	return 0;
}

void image_config_done(struct image_config *config)
{
	arena_done(&config->arena);
	*config = (struct image_config){ 0 };
}
