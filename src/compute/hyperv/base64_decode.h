/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Decodes RFC 4648 text with padding into out, which has room for len / 4 * 3 bytes. The number of
 * bytes, or -EINVAL for what no encoder writes. */
ssize_t base64_decode(const char *text, size_t len, uint8_t *out);
