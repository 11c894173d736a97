/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry says besides its blobs: WWW-Authenticate, the bodies of its refusals, and Base64 and
 * hosts as files and URLs have them. Each zero byte begins another header.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/registry/base64.h"
#include "image/registry/challenge.h"
#include "image/registry/host.h"
#include "image/registry/refusal.h"

#define HEADERS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void headers(char *text, size_t size)
{
	_cleanup_challenge_ struct challenge challenge = { 0 };
	char *list[HEADERS_MAX];
	size_t n = 0;

	for (char *at = text; at < text + size && n < HEADERS_MAX; at += strlen(at) + 1)
		list[n++] = at;
	challenge_parse(list, n, &challenge);
	/* A bearer challenge says where to get the token. */
	assert(challenge.kind != CHALLENGE_BEARER || challenge.realm);
}

static void body(char *text, size_t size)
{
	const struct http_response response = { .status = 404, .body = text, .body_len = size };
	_cleanup_free_ char *said = NULL;

	(void)refusal_code(&response);
	if (refusal_text(&response, &said) < 0)
		return;
	/* It goes to a terminal. */
	for (const char *p = said; *p; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void encoding(const char *text, size_t size)
{
	_cleanup_free_ char *encoded = base64_text(text, size);
	_cleanup_free_ char *again = NULL;
	_cleanup_free_ char *decoded = NULL;
	size_t len;

	assert(encoded && base64_data(encoded, &again, &len) == 0);
	assert(len == size && memcmp(again, text, size) == 0);
	(void)base64_data(text, &decoded, &len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const listed[] = { "a.example", "b:5000", "[::1]:1", NULL };
	_cleanup_free_ char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	headers(text, size);
	body(text, size);
	encoding(text, size);
	(void)host_is_loopback(text);
	(void)host_is_listed(text, listed);
	return 0;
}
