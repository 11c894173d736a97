/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/slice.h"

#include <string.h>

struct scan {
	const char *text;
	size_t len, at;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->len && strchr(" \t\r\n", s->text[s->at]))
		s->at++;
}

static void skip_string(struct scan *s)
{
	for (s->at++; s->at < s->len && s->text[s->at] != '"'; s->at++)
		if (s->text[s->at] == '\\')
			s->at++;
	s->at++;
}

static void skip_value(struct scan *s)
{
	size_t depth = 0;

	while (s->at < s->len) {
		char c = s->text[s->at];

		if (depth == 0 && (c == ',' || c == '}' || strchr(" \t\r\n", c)))
			return;
		if (c == '"') {
			skip_string(s);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		s->at++;
	}
}

const char *json_slice(const char *text, size_t len, const char *key, size_t *ret_len)
{
	struct scan s = { .text = text, .len = len };
	size_t key_len = strlen(key), name, name_end, value;

	skip_space(&s);
	s.at++; /* { */
	for (;;) {
		skip_space(&s);
		name = s.at + 1;
		if (s.at >= len || text[s.at] != '"')
			return NULL;
		skip_string(&s);
		name_end = s.at - 1;
		skip_space(&s);
		s.at++; /* : */
		skip_space(&s);
		value = s.at;
		skip_value(&s);
		if (s.at > len)
			return NULL;
		if (name_end - name == key_len && !memcmp(text + name, key, key_len)) {
			*ret_len = s.at - value;
			return text + value;
		}
		skip_space(&s);
		if (s.at >= len || text[s.at++] != ',')
			return NULL;
	}
}
