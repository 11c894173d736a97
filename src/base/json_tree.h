/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON documents as trees that can be changed, put into others and sent on, with exact integers.
 *
 * jansson's integers are int64; those beyond, up to UINT64_MAX (RLIM_INFINITY, seccomp masks), stand
 * in a tree as a string of JSON_TREE_MARK and the digits. Such a tree may be written and read by
 * jansson any number of times on its way; in the end json_tree_text writes the number.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_TREE_MARK "\x11" /* no text that has a meaning begins with this control character */

/* An integer. NULL when memory runs out. */
json_t *json_tree_u64(uint64_t value);
/* The value of an integer from 0 on, marked or not. Anything else: false, *ret as it was. */
bool json_tree_get_u64(const json_t *integer, uint64_t *ret);
/* Parses an object or an array, with the bounds of json_doc_parse (base/json.h); *ret is owned.
 * -EINVAL for what is not JSON, and for integers beyond uint64 and strings like a marked one. */
int json_tree_parse(const char *text, size_t len, json_t **ret, struct error *err);
/* The text, on one line, for a parser that knows large integers (json_doc_parse). Owned; NULL when
 * memory runs out. */
char *json_tree_text(const json_t *tree);
