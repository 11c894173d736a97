/* SPDX-License-Identifier: Apache-2.0 */
#include "network/cni_config.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/json_tree.h"

#define CONFIG_MAX ((size_t)1024 * 1024)
#define CONFIG_FILES_MAX 1024
#define CONFIG_PLUGINS_MAX 32
#define NAME_MAX_LENGTH 128

void cni_config_done(struct cni_config *config)
{
	free(config->file);
	json_decref(config->list);
	*config = (struct cni_config){ 0 };
}

const char *cni_config_name(const struct cni_config *config)
{
	return json_string_value(json_object_get(config->list, "name"));
}

const char *cni_config_type(const struct cni_config *config)
{
	const json_t *first = json_array_get(json_object_get(config->list, "plugins"), 0);

	return json_string_value(json_object_get(first, "type"));
}

bool cni_config_can(const struct cni_config *config, const char *capability)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach(
		json_object_get(config->list, "plugins"), i,
		plugin) if (json_is_true(json_object_get(json_object_get(plugin, "capabilities"),
							 capability))) return true;
	return false;
}

bool cni_name_is_valid(const char *name, size_t max)
{
	const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strspn(name, letters);

	return len > 0 && len <= max && !name[len] && !strchr("_.-", name[0]);
}

static int check_plugin(const json_t *plugin, const char *file, size_t i, struct error *err)
{
	const char *type = json_string_value(json_object_get(plugin, "type"));
	const json_t *capabilities = json_object_get(plugin, "capabilities");

	if (!type || !*type)
		return error_set(err, EINVAL, "%s: plugins[%zu]: \"type\" is missing", file, i);
	/* A name below CNI_PATH, never a path. */
	if (strchr(type, '/') || type[0] == '.')
		return error_set(err, EINVAL, "%s: plugins[%zu]: \"type\" must be a file's name",
				 file, i);
	if (capabilities && !json_is_object(capabilities))
		return error_set(err, EINVAL,
				 "%s: plugins[%zu]: \"capabilities\" must be an object", file, i);
	return 0;
}

static int check_list(const json_t *list, const char *file, struct error *err)
{
	static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1",
						"0.4.0", "1.0.0", "1.1.0" };
	const char *version = json_string_value(json_object_get(list, "cniVersion"));
	const char *name = json_string_value(json_object_get(list, "name"));
	const json_t *plugins = json_object_get(list, "plugins"), *plugin;
	char printable[JSON_PRINTABLE_SIZE];
	bool known = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(versions); i++)
		known = known || (version && strcmp(version, versions[i]) == 0);
	if (!known)
		return error_set(err, EINVAL, "%s: \"cniVersion\" %s is not known (1.0.0 is)", file,
				 version ? json_printable(version, printable) : "(none)");
	if (!name || !cni_name_is_valid(name, NAME_MAX_LENGTH))
		return error_set(err, EINVAL,
				 "%s: \"name\" must be letters, digits, \"_\", \".\" and \"-\"",
				 file);
	if (!json_is_array(plugins) || json_array_size(plugins) == 0 ||
	    json_array_size(plugins) > CONFIG_PLUGINS_MAX)
		return error_set(err, EINVAL, "%s: \"plugins\" must be a list of 1 to %d", file,
				 CONFIG_PLUGINS_MAX);
	json_array_foreach(plugins, i, plugin)
	{
		int r = check_plugin(plugin, file, i, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A configuration before 1.0 may be one plugin's alone. Takes json; NULL without memory. */
static json_t *list_of_one(json_t *json)
{
	json_t *name = json_object_get(json, "name"),
	       *version = json_object_get(json, "cniVersion");
	json_t *list = json_pack("{s:O?, s:O?, s:[O]}", "name", name, "cniVersion", version,
				 "plugins", json);

	if (list && !version && json_object_set_new(list, "cniVersion", json_string("0.2.0")) < 0) {
		json_decref(list);
		list = NULL;
	}
	json_decref(json);
	return list;
}

int cni_config_take(json_t *json, const char *file, struct cni_config *ret, struct error *err)
{
	json_t *list = json_object_get(json, "plugins") ? json : list_of_one(json);
	char *copy = NULL;
	int r;

	if (!list)
		return error_oom(err);
	r = check_list(list, file ? file : "built in", err);
	if (r == 0 && file && !(copy = strdup(file)))
		r = error_oom(err);
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret = (struct cni_config){ .file = copy, .list = list };
	return 0;
}

static int read_file(const char *directory, const char *name, struct cni_config *ret,
		     struct error *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	json_t *json;
	size_t len;
	int r;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return error_oom(err);
	}
	r = file_read_regular(AT_FDCWD, path, CONFIG_MAX, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "read %s", path);
	r = json_tree_parse(text, len, &json, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(err, EINVAL, "%s: no object", path);
	}
	return cni_config_take(json, path, ret, err);
}

static int is_config(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && end != entry->d_name &&
	       (strcmp(end, ".conflist") == 0 || strcmp(end, ".conf") == 0 ||
		strcmp(end, ".json") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const struct cni_config *with_name(const struct cni_config *configs, size_t len,
					  const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(cni_config_name(&configs[i]), name) == 0)
			return &configs[i];
	return NULL;
}

/* As cni_config_list; bad (may be NULL) gets the first complaint. */
static int list(const char *directory, struct cni_config **ret, size_t *ret_len, struct error *bad,
		struct error *err)
{
	struct dirent **entries = NULL;
	int n = scandir(directory, &entries, is_config, by_name);
	struct cni_config *configs;
	size_t len = 0;
	int r = 0;

	*ret = NULL;
	*ret_len = 0;
	if (n < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "read %s", directory);
	configs = calloc((size_t)n + 1, sizeof(*configs));
	if (!configs)
		r = error_oom(err);
	for (int i = 0; i < n && i < CONFIG_FILES_MAX && r == 0; i++) {
		_cleanup_error_ struct error why = ERROR_INIT;
		struct cni_config one = { 0 };
		int r2 = read_file(directory, entries[i]->d_name, &one, &why);

		if (r2 == -ENOMEM)
			r = error_oom(err);
		else if (r2 < 0 && bad && bad->code == 0)
			error_move(bad, &why);
		if (r2 < 0)
			continue;
		if (with_name(configs, len, cni_config_name(&one)))
			cni_config_done(&one);
		else
			configs[len++] = one;
	}
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	*ret = configs;
	*ret_len = len;
	return r;
}

static void free_list(struct cni_config *configs, size_t len)
{
	for (size_t i = 0; i < len; i++)
		cni_config_done(&configs[i]);
	free(configs);
}

int cni_config_list(const char *directory, struct cni_config **ret, size_t *ret_len,
		    struct error *err)
{
	int r = list(directory, ret, ret_len, NULL, err);

	if (r < 0) {
		free_list(*ret, *ret_len);
		*ret = NULL;
		*ret_len = 0;
	}
	return r;
}

int cni_config_find(const char *directory, const char *name, struct cni_config *ret,
		    struct error *err)
{
	_cleanup_error_ struct error bad = ERROR_INIT;
	char printable[JSON_PRINTABLE_SIZE];
	struct cni_config *configs;
	size_t len;
	int r = list(directory, &configs, &len, &bad, err);

	if (r == 0) {
		const struct cni_config *found = with_name(configs, len, name);

		if (found) {
			struct cni_config *taken = &configs[found - configs];

			*ret = *taken;
			*taken = (struct cni_config){ 0 };
		} else if (bad.code) {
			r = error_set(err, ENOENT, "network %s not found; %s",
				      json_printable(name, printable), error_text(&bad));
		} else {
			r = error_set(err, ENOENT, "network %s not found in %s",
				      json_printable(name, printable), directory);
		}
	}
	free_list(configs, len);
	return r;
}
