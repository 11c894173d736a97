/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lists of a configuration, growing in its arena. Each growth is a copy: for the short lists that people
 * write; long ones are put together first and appended at once. */
#include "base/error.h"
#include "oci/spec.h"

/* items (len of size bytes) copied with room for more zeroed ones behind; NULL without memory. */
void *list_grow(struct arena *arena, const void *items, size_t len, size_t more, size_t size);
/* A copy of text, at the end. 0 or -ENOMEM. */
int strv_add(struct arena *arena, struct strv *list, const char *text, struct error *err);
/* Copies of n texts, at the end. */
int strv_append(struct arena *arena, struct strv *list, char *const *items, size_t n,
		struct error *err);
bool strv_has(const struct strv *list, const char *text);
/* key gets value, in the place of the one it had. */
int key_values_set(struct arena *arena, struct key_values *list, const char *key, const char *value,
		   struct error *err);
/* NULL: it has none. */
const char *key_values_get(const struct key_values *list, const char *key);
/* A copy of text (may be NULL) in *ret. */
int text_set(struct arena *arena, char **ret, const char *text, struct error *err);
