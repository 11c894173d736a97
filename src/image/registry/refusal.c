/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/refusal.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/json.h"

static void decref(json_t **value)
{
	json_decref(*value);
}

static json_t *parse(const struct http_response *response)
{
	return json_loadb(response->body ? response->body : "", response->body_len, 0, NULL);
}

static const json_t *first_error(const json_t *root)
{
	return json_array_get(json_object_get(root, "errors"), 0);
}

enum refusal_code refusal_code(const struct http_response *response)
{
	static const struct {
		const char *name;
		enum refusal_code code;
	} names[] = {
		{ "UNAUTHORIZED", REFUSAL_UNAUTHORIZED },
		{ "DENIED", REFUSAL_DENIED },
		{ "MANIFEST_UNKNOWN", REFUSAL_MANIFEST_UNKNOWN },
		{ "NAME_UNKNOWN", REFUSAL_NAME_UNKNOWN },
		{ "UNSUPPORTED", REFUSAL_UNSUPPORTED },
		{ "TOOMANYREQUESTS", REFUSAL_TOO_MANY_REQUESTS },
	};
	_cleanup_(decref) json_t *root = parse(response);
	const char *code = json_string_value(json_object_get(first_error(root), "code"));

	for (size_t i = 0; code && i < ARRAY_SIZE(names); i++)
		if (strcmp(code, names[i].name) == 0)
			return names[i].code;
	switch (response->status) {
	case 401:
		return REFUSAL_UNAUTHORIZED;
	case 403:
		return REFUSAL_DENIED;
	case 404:
		return REFUSAL_MANIFEST_UNKNOWN;
	case 429:
		return REFUSAL_TOO_MANY_REQUESTS;
	default:
		return REFUSAL_OTHER;
	}
}

static char *code_words(const char *code)
{
	char *words = strdup(code);

	for (char *p = words; p && *p; p++)
		*p = *p == '_' ? ' ' : (char)tolower((unsigned char)*p);
	return words;
}

int refusal_text(const struct http_response *response, char **ret)
{
	_cleanup_(decref) json_t *root = parse(response);
	const json_t *error = first_error(root);
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *details = json_string_value(json_object_get(root, "details"));
	char a[JSON_PRINTABLE_SIZE], b[JSON_PRINTABLE_SIZE];
	int n;

	*ret = NULL;
	if (code) {
		_cleanup_free_ char *words = code_words(code);

		if (!words)
			return -ENOMEM;
		n = asprintf(ret, "%s: %s", json_printable(words, a),
			     json_printable(message ? message : words, b));
	} else if (details) { /* Docker Hub's token server */
		n = asprintf(ret, "%s", json_printable(details, a));
	} else if (response->status == 401) {
		n = asprintf(ret, "unauthorized: authentication required");
	} else if (response->status == 403) {
		n = asprintf(ret, "denied: requested access to the resource is denied");
	} else if (response->status == 429) {
		n = asprintf(ret, "toomanyrequests: the registry's rate limit is reached");
	} else if (response->status == 404) {
		n = asprintf(ret, "not found (status 404)");
	} else {
		n = asprintf(ret, "unexpected status %ld", response->status);
	}
	if (n < 0)
		*ret = NULL;
	return n < 0 ? -ENOMEM : 0;
}
