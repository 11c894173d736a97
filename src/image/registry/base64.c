/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_text(const void *data, size_t len)
{
	const uint8_t *in = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		const size_t left = len - i;
		const uint32_t v = (uint32_t)in[i] << 16 |
				   (uint32_t)(left > 1 ? in[i + 1] : 0) << 8 |
				   (left > 2 ? in[i + 2] : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[v & 63] : '=';
	}
	*out = '\0';
	return text;
}

int base64_data(const char *text, char **ret, size_t *ret_len)
{
	size_t len = strlen(text), n = 0;
	uint32_t v = 0;
	char *data;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return -EINVAL;
	data = malloc(len / 4 * 3 + 3);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		const char *digit = strchr(digits, text[i]);

		if (!digit || !text[i]) {
			free(data);
			return -EINVAL;
		}
		v = v << 6 | (uint32_t)(digit - digits);
		if (i % 4 != 0)
			data[n++] = (char)(v >> (6 - 2 * (i % 4)));
	}
	data[n] = '\0';
	*ret = data;
	*ret_len = n;
	return 0;
}
