/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a Dockerfile, as docker import --change has them. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "image/transfer/build.h"

static int malformed(const char *line, const char *why, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return error_set(err, EINVAL, "change \"%s\": %s", json_printable(line, buf), why);
}

/* A list in JSON, or NULL without err: it is not one. */
static json_t *list_of(const char *text)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	json_t *list = NULL, *item;
	size_t i;

	if (*text != '[' || json_tree_parse(text, strlen(text), &list, &ignored) < 0)
		return NULL;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The next word into word, quotes and backslashes taken away: 1, 0 at the end, -EINVAL unbalanced. */
static int next_word(const char **text, char *word)
{
	const char *p = *text;
	char quote = 0;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return 0;
	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (*p == quote)
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else if (*p == '\\' && quote != '\'' && p[1])
			*word++ = *++p;
		else
			*word++ = *p;
	}
	*word = '\0';
	*text = p;
	return quote ? -EINVAL : 1;
}

static int change_command(json_t *config, const char *key, const char *rest, struct error *err)
{
	json_t *list = list_of(rest);

	if (!list)
		list = json_pack("[s, s, s]", "/bin/sh", "-c", rest);
	return json_object_set_new(config, key, list) < 0 ? error_oom(err) : 0;
}

static int change_string(json_t *config, const char *key, const char *rest, struct error *err)
{
	if (strcmp(key, "WorkingDir") == 0 && *rest != '/')
		return malformed(rest, "not an absolute path", err);
	return json_object_set_new(config, key, json_string(rest)) < 0
		       ? malformed(rest, "not in UTF-8", err)
		       : 0;
}

/* The object or array of that name, made when it is not there. */
static json_t *member(json_t *config, const char *key, json_t *otherwise)
{
	json_t *there = json_object_get(config, key);

	if (there && json_typeof(there) == json_typeof(otherwise)) {
		json_decref(otherwise);
		return there;
	}
	return json_object_set_new(config, key, otherwise) < 0 ? NULL : otherwise;
}

static int set_variable(json_t *env, const char *name, const char *value, struct error *err)
{
	json_t *text = json_sprintf("%s=%s", name, value), *item;
	size_t len = strlen(name), i;

	if (!text)
		return malformed(name, "not in UTF-8", err);
	json_array_foreach(env, i, item)
	{
		const char *old = json_string_value(item);

		if (old && strncmp(old, name, len) == 0 && old[len] == '=')
			return json_array_set_new(env, i, text) < 0 ? error_oom(err) : 0;
	}
	return json_array_append_new(env, text) < 0 ? error_oom(err) : 0;
}

static int set_pair(json_t *config, bool env, const char *name, const char *value,
		    struct error *err)
{
	json_t *to =
		env ? member(config, "Env", json_array()) : member(config, "Labels", json_object());

	if (!to)
		return error_oom(err);
	if (env)
		return set_variable(to, name, value, err);
	return json_object_set_new(to, name, json_string(value)) < 0
		       ? malformed(name, "not in UTF-8", err)
		       : 0;
}

/* KEY=value …, or the older KEY value. */
static int change_pairs(json_t *config, const char *key, const char *rest, struct error *err)
{
	bool env = strcmp(key, "Env") == 0;
	const char *line = rest;
	_cleanup_free_ char *word = malloc(strlen(rest) + 1);
	int r;

	if (!word)
		return error_oom(err);
	while ((r = next_word(&rest, word)) > 0) {
		char *equals = strchr(word, '=');

		if (!equals && rest - line == (ptrdiff_t)strlen(word) && *rest) {
			while (isspace((unsigned char)*rest))
				rest++;
			return set_pair(config, env, word, rest, err);
		}
		if (!equals || equals == word)
			return malformed(line, "expected NAME=value", err);
		*equals = '\0';
		r = set_pair(config, env, word, equals + 1, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? malformed(line, "a quote that does not end", err) : 0;
}

static int add_key(json_t *set, const char *text, bool ports, struct error *err)
{
	_cleanup_free_ char *port = NULL;

	if (ports && !strchr(text, '/')) {
		if (asprintf(&port, "%s/tcp", text) < 0) {
			port = NULL;
			return error_oom(err);
		}
		text = port;
	}
	if (ports && (!isdigit((unsigned char)*text) ||
		      strspn(text, "0123456789-") != (size_t)(strchr(text, '/') - text)))
		return malformed(text, "no port", err);
	return json_object_set_new(set, text, json_object()) < 0
		       ? malformed(text, "not in UTF-8", err)
		       : 0;
}

static int change_keys(json_t *config, const char *key, const char *rest, struct error *err)
{
	json_t *set = member(config, key, json_object()), *list = list_of(rest), *item;
	_cleanup_free_ char *word = malloc(strlen(rest) + 1);
	bool ports = strcmp(key, "ExposedPorts") == 0;
	int r = set && word ? 0 : error_oom(err);
	size_t i;

	if (list) {
		json_array_foreach(list, i, item)
		{
			if (r == 0)
				r = add_key(set, json_string_value(item), ports, err);
		}
		json_decref(list);
		return r;
	}
	while (r == 0 && (r = next_word(&rest, word)) > 0)
		r = add_key(set, word, ports, err);
	return r == -EINVAL && !err->code ? malformed(rest, "a quote that does not end", err) : r;
}

int build_change(json_t *config, const char *line, struct error *err)
{
	static const struct {
		const char *instruction, *key;
		int (*change)(json_t *config, const char *key, const char *rest, struct error *err);
	} changes[] = { { "CMD", "Cmd", change_command },
			{ "ENTRYPOINT", "Entrypoint", change_command },
			{ "ENV", "Env", change_pairs },
			{ "LABEL", "Labels", change_pairs },
			{ "EXPOSE", "ExposedPorts", change_keys },
			{ "VOLUME", "Volumes", change_keys },
			{ "USER", "User", change_string },
			{ "WORKDIR", "WorkingDir", change_string },
			{ "STOPSIGNAL", "StopSignal", change_string } };
	const char *word = line + strspn(line, " \t"), *rest;
	size_t len = strcspn(word, " \t");

	rest = word + len + strspn(word + len, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (strlen(changes[i].instruction) != len ||
		    strncasecmp(changes[i].instruction, word, len) != 0)
			continue;
		if (!*rest)
			return malformed(line, "nothing after the instruction", err);
		return changes[i].change(config, changes[i].key, rest, err);
	}
	return malformed(line,
			 "not one of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, "
			 "VOLUME, WORKDIR",
			 err);
}
