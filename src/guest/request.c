/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/request.h"

#include <string.h>

#include "base/json_tree.h"

static const struct request_op operations[] = {
	{ "create", request_create, true, true },
	{ "start", request_start, false, true },
	{ "exec", request_exec, true, true },
	{ "files", request_files, true, true },
	{ "signal", request_signal, false, true },
	{ "pause", request_pause, false, true },
	{ "resume", request_resume, false, true },
	{ "update", request_update, false, true },
	{ "delete", request_delete, false, true },
	{ "pids", request_pids, false, true },
	{ "processes", request_processes, false, true },
	{ "stats", request_stats, false, true },
	{ "watch", request_watch, false, true },
	{ "network", request_network, false, false },
};

const struct request_op *request_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

int request_string(const struct request *request, const char *key, const char **ret,
		   struct error *err)
{
	*ret = json_string_value(json_object_get(request->root, key));
	return *ret ? 0 : error_set(err, EINVAL, "%s: expected a string", key);
}

int request_object(const struct request *request, const char *key, char **ret, size_t *ret_len,
		   struct error *err)
{
	json_t *value = json_object_get(request->root, key);
	char *text;

	if (!json_is_object(value))
		return error_set(err, EINVAL, "%s: expected an object", key);
	text = json_tree_text(value);
	if (!text)
		return error_oom(err);
	*ret = text;
	*ret_len = strlen(text);
	return 0;
}

bool request_bool(const struct request *request, const char *key)
{
	return json_is_true(json_object_get(request->root, key));
}
