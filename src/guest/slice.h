/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* The text of a member's value in text, which must be a whole JSON object that has been parsed
 * before: as it was written, since decoding and encoding would lose integers beyond int64. NULL:
 * there is none by that name (written without escapes). */
const char *json_slice(const char *text, size_t len, const char *key, size_t *ret_len);
