/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

void filter_done(struct filter *filter)
{
	for (size_t i = 0; i < filter->len; i++)
		free(filter->items[i].key);
	free(filter->items);
	*filter = (struct filter){ 0 };
}

static int unknown(const char *key, const char *const *known, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE], list[400] = "";
	size_t len = 0;

	for (; *known; known++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					*known);
	return error_set(err, EINVAL, "invalid filter '%s' (there are %s)",
			 json_printable(key, printable), list);
}

int filter_parse(const struct flag_list *flags, const char *const *known, struct filter *ret,
		 struct error *err)
{
	_cleanup_filter_ struct filter filter = { 0 };
	char printable[JSON_PRINTABLE_SIZE];

	filter.items = calloc(flags->len + 1, sizeof(*filter.items));
	if (!filter.items)
		return error_oom(err);
	for (size_t i = 0; i < flags->len; i++) {
		const char *text = flags->items[i], *equals = strchr(text, '=');
		const char *const *k = known;
		char *key;

		if (!equals || equals == text)
			return error_set(err, EINVAL,
					 "bad format of filter %s (expected name=value)",
					 json_printable(text, printable));
		key = strndup(text, (size_t)(equals - text));
		if (!key)
			return error_oom(err);
		filter.items[filter.len++] =
			(struct filter_item){ .key = key, .value = equals + 1 };
		while (*k && strcmp(*k, key) != 0)
			k++;
		if (!*k)
			return unknown(key, known, err);
	}
	*ret = filter;
	filter = (struct filter){ 0 };
	return 0;
}

static bool any(const struct filter *filter, const char *key, const char *text,
		bool (*fits)(const char *value, const char *text))
{
	bool has = false;

	for (size_t i = 0; i < filter->len; i++) {
		if (strcmp(filter->items[i].key, key) != 0)
			continue;
		has = true;
		if (text && fits(filter->items[i].value, text))
			return true;
	}
	return !has;
}

static bool equal(const char *value, const char *text)
{
	return strcmp(value, text) == 0;
}

static bool begins(const char *value, const char *text)
{
	return strncmp(value, text, strlen(value)) == 0;
}

static bool matches(const char *value, const char *text)
{
	regex_t regex;
	bool found;

	if (regcomp(&regex, value, REG_EXTENDED | REG_NOSUB) != 0)
		return strstr(text, value);
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

bool filter_has(const struct filter *filter, const char *key)
{
	return filter_value(filter, key);
}

const char *filter_value(const struct filter *filter, const char *key)
{
	for (size_t i = 0; i < filter->len; i++)
		if (strcmp(filter->items[i].key, key) == 0)
			return filter->items[i].value;
	return NULL;
}

bool filter_equals(const struct filter *filter, const char *key, const char *text)
{
	return any(filter, key, text, equal);
}

bool filter_begins(const struct filter *filter, const char *key, const char *text)
{
	return any(filter, key, text, begins);
}

bool filter_matches(const struct filter *filter, const char *key, const char *text)
{
	return any(filter, key, text, matches);
}

static bool has_label(const struct key_values *labels, const char *wanted)
{
	const size_t len = strcspn(wanted, "=");

	for (size_t i = 0; i < labels->len; i++) {
		const char *key = labels->items[i].key, *value = labels->items[i].value;

		if (strlen(key) == len && strncmp(key, wanted, len) == 0 &&
		    (!wanted[len] || strcmp(wanted + len + 1, value ? value : "") == 0))
			return true;
	}
	return false;
}

bool filter_labels(const struct filter *filter, const struct key_values *labels)
{
	for (size_t i = 0; i < filter->len; i++) {
		const struct filter_item *item = &filter->items[i];

		if (strcmp(item->key, "label") == 0 && !has_label(labels, item->value))
			return false;
		if (strcmp(item->key, "label!") == 0 && has_label(labels, item->value))
			return false;
	}
	return true;
}

int filter_bool(const struct filter *filter, const char *key, int *ret, struct error *err)
{
	static const char *const yes[] = { "true", "1", "True", "TRUE", "t", "T" };
	static const char *const no[] = { "false", "0", "False", "FALSE", "f", "F" };
	const char *value = filter_value(filter, key);
	char printable[JSON_PRINTABLE_SIZE];

	if (!value)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(value, yes[i]) == 0) {
			*ret = 1;
			return 0;
		}
		if (strcmp(value, no[i]) == 0) {
			*ret = 0;
			return 0;
		}
	}
	return error_set(err, EINVAL, "invalid filter '%s=%s': true or false is expected", key,
			 json_printable(value, printable));
}

bool filter_glob(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_PATHNAME) == 0;
}
