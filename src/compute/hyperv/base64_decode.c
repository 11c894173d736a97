/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/base64_decode.h"

#include <errno.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t base64_decode(const char *text, size_t len, uint8_t *out)
{
	size_t padding = 0, n = 0;

	if (len % 4)
		return -EINVAL;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len; i += 4) {
		size_t given = i + 4 == len ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int value = k < given ? digit(text[i + k]) : 0;

			if (value < 0)
				return -EINVAL;
			bits = bits << 6 | (uint32_t)value;
		}
		for (size_t k = 0; k + 1 < given; k++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	return (ssize_t)n;
}
