/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* --filter KEY=VALUE, which may be given again: values of one key are alternatives, of several all must
 * hold; labels all must hold. */
#include <stdbool.h>

#include "base/error.h"
#include "cli/flags.h"
#include "oci/spec.h"

struct filter_item { /* borrowed from the flags */
	char *key;   /* owned */
	const char *value;
};
struct filter {
	struct filter_item *items;
	size_t len;
};
void filter_done(struct filter *filter);
#define _cleanup_filter_ _cleanup_(filter_done)

/* Keys must be among known (NULL-terminated): docker's "invalid filter 'x'", with those that there are. */
int filter_parse(const struct flag_list *flags, const char *const *known, struct filter *ret,
		 struct error *err);
bool filter_has(const struct filter *filter, const char *key);
/* Whether a value of the key equals text, or there is none of the key. */
bool filter_equals(const struct filter *filter, const char *key, const char *text);
/* The same where text begins so (ids), or has it anywhere, or matches it as a POSIX extended regular expression
 * (names; one that is none matches as text). */
bool filter_begins(const struct filter *filter, const char *key, const char *text);
bool filter_matches(const struct filter *filter, const char *key, const char *text);
/* key "label": each value is "k" or "k=v"; label!: none of them. */
bool filter_labels(const struct filter *filter, const struct key_values *labels);
/* The one value of a key that takes true or false ("1", "0" too); preset in *ret. -EINVAL names it. */
int filter_bool(const struct filter *filter, const char *key, int *ret, struct error *err);
/* The key's first value, NULL: none. */
const char *filter_value(const struct filter *filter, const char *key);
/* Shell patterns (*, ?, [a-z]; no star stands for a slash), as docker's reference=. */
bool filter_glob(const char *pattern, const char *text);
