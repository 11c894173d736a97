/* SPDX-License-Identifier: Apache-2.0 */
#include "service/detach_keys.h"

#include <string.h>

static int parse_key(const char *key, size_t len, unsigned char *ret)
{
	static const char prefix[] = "ctrl-";
	static const char controls[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
	const char *at;

	if (len == 1) {
		*ret = (unsigned char)key[0];
		return 0;
	}
	if (len != sizeof(prefix) || strncmp(key, prefix, len - 1) != 0)
		return -EINVAL;
	at = strchr(controls, key[len - 1]);
	if (!at || !*at)
		return -EINVAL;
	*ret = (unsigned char)(at - controls);
	return 0;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err)
{
	struct detach_keys keys = { .len = 0 };
	const char *at = text ? text : DETACH_KEYS_DEFAULT;

	while (*at) {
		size_t len = strcspn(at, ",");

		/* A comma may be a key itself. */
		if (len == 0 && at[0] == ',')
			len = 1;
		if (keys.len == DETACH_KEYS_MAX || parse_key(at, len, &keys.keys[keys.len++]) < 0)
			return error_set(err, EINVAL,
					 "--detach-keys \"%.64s\": not a sequence of keys such as "
					 "ctrl-p,ctrl-q",
					 text);
		at += len;
		at += *at == ',';
	}
	*ret = keys;
	return 0;
}

bool detach_keys_filter(struct detach_keys *keys, unsigned char *data, size_t *len)
{
	unsigned char passed[DETACH_KEYS_MAX];
	size_t out = 0, in = *len;

	if (keys->len == 0)
		return false;
	for (size_t i = 0; i < in; i++) {
		size_t held = keys->matched;
		unsigned char c = data[i];

		if (c == keys->keys[held]) {
			if (++keys->matched == keys->len) {
				*len = out;
				return true;
			}
			continue;
		}
		/* It was none: what was kept back goes first. This may make what follows overtake
		 * what is still to be read, so the rest makes room. */
		memcpy(passed, keys->keys, held);
		if (out + held > i) {
			memmove(data + out + held, data + i, in - i);
			in += out + held - i;
			i = out + held;
		}
		memcpy(data + out, passed, held);
		out += held;
		keys->matched = c == keys->keys[0];
		if (keys->matched == 0)
			data[out++] = c;
		else if (keys->len == 1)
			return *len = out, true;
	}
	*len = out;
	return false;
}
