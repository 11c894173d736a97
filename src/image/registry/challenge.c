/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/challenge.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

void challenge_done(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}

static size_t token_length(const char *p)
{
	size_t n = 0;

	while (p[n] > ' ' && p[n] != 0x7f && !strchr("()<>@,;:\\\"/[]?={}", p[n]))
		n++;
	return n;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Reads a token or a quoted string; *ret NULL: neither. */
static const char *take_value(const char *p, char **ret)
{
	char *to;
	size_t n = 0;

	if (*p != '"') {
		n = token_length(p);
		*ret = n ? strndup(p, n) : NULL;
		return p + n;
	}
	to = *ret = malloc(strlen(p));
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (to)
			to[n++] = *p;
	}
	if (to)
		to[n] = '\0';
	return *p ? p + 1 : p;
}

static void set_parameter(struct challenge *to, const char *name, size_t len, char *value)
{
	const struct {
		const char *name;
		char **to;
	} known[] = {
		{ "realm", &to->realm },
		{ "service", &to->service },
		{ "scope", &to->scope },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0 &&
		    !*known[i].to) {
			*known[i].to = value;
			return;
		}
	free(value);
}

static enum challenge_kind scheme_kind(const char *name, size_t len)
{
	if (len == 6 && strncasecmp(name, "bearer", len) == 0)
		return CHALLENGE_BEARER;
	if (len == 5 && strncasecmp(name, "basic", len) == 0)
		return CHALLENGE_BASIC;
	return CHALLENGE_NONE;
}

/* A bearer challenge without a place to get tokens from is none. */
static void offer(struct challenge *best, struct challenge *found)
{
	const bool usable =
		found->kind == CHALLENGE_BASIC || (found->kind == CHALLENGE_BEARER && found->realm);

	if (usable && found->kind > best->kind) {
		challenge_done(best);
		*best = *found;
		*found = (struct challenge){ 0 };
	} else {
		challenge_done(found);
	}
}

void challenge_parse(char *const *headers, size_t n, struct challenge *ret)
{
	struct challenge best = { 0 }, now = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *p = headers[i];

		while (*(p += strspn(p, " \t,"))) {
			const size_t len = token_length(p);
			const char *after = skip_blanks(p + len);
			char *value = NULL;

			if (len == 0) {
				p++; /* token68, and what is no header at all */
				continue;
			}
			if (*after != '=') {
				offer(&best, &now);
				now.kind = scheme_kind(p, len);
				p += len;
				continue;
			}
			after = take_value(skip_blanks(after + 1), &value);
			if (value)
				set_parameter(&now, p, len, value);
			p = after;
		}
		offer(&best, &now);
	}
	*ret = best;
}
