/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* Characters that len bytes take. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4)

/* Encodes (RFC 4648, with padding, without a NUL); the number of characters. */
size_t base64(const void *data, size_t len, char *out);
