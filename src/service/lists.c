/* SPDX-License-Identifier: Apache-2.0 */
#include "service/lists.h"

#include <string.h>

void *list_grow(struct arena *arena, const void *items, size_t len, size_t more, size_t size)
{
	void *grown = arena_alloc(arena, len + more, size);

	if (grown && len > 0)
		memcpy(grown, items, len * size);
	return grown;
}

int strv_append(struct arena *arena, struct strv *list, char *const *items, size_t n,
		struct error *err)
{
	char **grown = list_grow(arena, list->items, list->len, n + 1, sizeof(*grown));

	if (!grown)
		return error_oom(err);
	for (size_t i = 0; i < n; i++) {
		grown[list->len + i] = arena_strdup(arena, items[i]);
		if (!grown[list->len + i])
			return error_oom(err);
	}
	list->items = grown;
	list->len += n;
	return 0;
}

int strv_add(struct arena *arena, struct strv *list, const char *text, struct error *err)
{
	char *const item = (char *)text;

	return strv_append(arena, list, &item, 1, err);
}

bool strv_has(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

int key_values_set(struct arena *arena, struct key_values *list, const char *key, const char *value,
		   struct error *err)
{
	struct key_value *items;
	char *copy = arena_strdup(arena, value);

	if (!copy)
		return error_oom(err);
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->items[i].key, key) == 0) {
			list->items[i].value = copy;
			return 0;
		}
	items = list_grow(arena, list->items, list->len, 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	items[list->len] = (struct key_value){ arena_strdup(arena, key), copy };
	if (!items[list->len].key)
		return error_oom(err);
	list->items = items;
	list->len++;
	return 0;
}

const char *key_values_get(const struct key_values *list, const char *key)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->items[i].key, key) == 0)
			return list->items[i].value;
	return NULL;
}

int text_set(struct arena *arena, char **ret, const char *text, struct error *err)
{
	*ret = text ? arena_strdup(arena, text) : NULL;
	return text && !*ret ? error_oom(err) : 0;
}
