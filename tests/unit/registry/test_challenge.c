/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "image/registry/base64.h"
#include "image/registry/challenge.h"
#include "image/registry/refusal.h"

static struct challenge parse(const char *a, const char *b)
{
	char *headers[] = { (char *)a, (char *)b };
	struct challenge challenge;

	challenge_parse(headers, b ? 2 : 1, &challenge);
	return challenge;
}

static void what_a_registry_asks_for_is_read(void **state)
{
	_cleanup_challenge_ struct challenge c = parse(
		"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		"scope=\"repository:library/debian:pull,push\",error=\"invalid_token\"",
		NULL);

	(void)state;
	assert_int_equal(c.kind, CHALLENGE_BEARER);
	assert_string_equal(c.realm, "https://auth.docker.io/token");
	assert_string_equal(c.service, "registry.docker.io");
	assert_string_equal(c.scope, "repository:library/debian:pull,push");
}

static void spaces_case_and_escapes_do_not_matter(void **state)
{
	_cleanup_challenge_ struct challenge c =
		parse("  bEARER  Realm = \"https://a/\\\"x\\\\\" ,SERVICE=plain", NULL);

	(void)state;
	assert_int_equal(c.kind, CHALLENGE_BEARER);
	assert_string_equal(c.realm, "https://a/\"x\\");
	assert_string_equal(c.service, "plain");
	assert_null(c.scope);
}

static void a_bearer_token_is_preferred(void **state)
{
	_cleanup_challenge_ struct challenge two =
		parse("Basic realm=\"b\"", "Bearer realm=\"https://t\"");
	_cleanup_challenge_ struct challenge one =
		parse("Negotiate YIIJ==, Bearer realm=\"https://t\", Basic realm=\"b\"", NULL);

	(void)state;
	assert_int_equal(two.kind, CHALLENGE_BEARER);
	assert_string_equal(two.realm, "https://t");
	assert_int_equal(one.kind, CHALLENGE_BEARER);
	assert_string_equal(one.realm, "https://t");
}

static void what_cannot_be_met_is_none(void **state)
{
	static const char *const headers[] = {
		"",
		"Bearer",
		"Bearer service=\"x\"",
		"Digest realm=\"x\"",
		",,,",
		"=\"\"",
		"\"",
		"Bearer realm=",
		"Negotiate",
		"Bearer ===",
		"realm=\"",
		"Bearer,realm=x",
		"\x01\x02\xff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		_cleanup_challenge_ struct challenge c = parse(headers[i], NULL);

		if (strcmp(headers[i], "Bearer,realm=x") == 0) {
			assert_int_equal(c.kind, CHALLENGE_BEARER);
			continue;
		}
		if (c.kind != CHALLENGE_NONE)
			fail_msg("%s is a challenge", headers[i]);
	}
}

static void base64_goes_both_ways(void **state)
{
	static const struct {
		const char *text, *data;
	} pairs[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "dTpww6k=", "u:p\xc3\xa9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_free_ char *text = base64_text(pairs[i].data, strlen(pairs[i].data));
		_cleanup_free_ char *data = NULL;
		size_t len;

		assert_string_equal(text, pairs[i].text);
		assert_int_equal(base64_data(pairs[i].text, &data, &len), 0);
		assert_int_equal(len, strlen(pairs[i].data));
		assert_string_equal(data, pairs[i].data);
	}
}

static void what_is_no_base64_is_refused(void **state)
{
	static const char *const texts[] = { "Z", "Zg=g", "Zm9v!", "Zm9v\n", "Zg-_", "Zm9vY" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *data = NULL;
		size_t len;

		assert_int_equal(base64_data(texts[i], &data, &len), -EINVAL);
	}
}

static void a_refusal_is_worded_as_docker_does(void **state)
{
	static const struct {
		long status;
		const char *body, *text;
		enum refusal_code code;
	} cases[] = {
		{ 404,
		  "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
		  "manifest unknown: manifest unknown", REFUSAL_MANIFEST_UNKNOWN },
		{ 401,
		  "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication "
		  "required\"}]}",
		  "unauthorized: authentication required", REFUSAL_UNAUTHORIZED },
		{ 403, "{\"errors\":[{\"code\":\"DENIED\"}]}", "denied: denied", REFUSAL_DENIED },
		{ 401, "", "unauthorized: authentication required", REFUSAL_UNAUTHORIZED },
		{ 401, "{\"details\":\"incorrect username or password\"}",
		  "incorrect username or password", REFUSAL_UNAUTHORIZED },
		{ 502, "<html>", "unexpected status 502", REFUSAL_OTHER },
		{ 404, "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"a\\u001b[2J\\nb\"}]}",
		  "name unknown: a\\x1b[2J\\x0ab", REFUSAL_NAME_UNKNOWN },
		{ 400, "{\"errors\":7}", "unexpected status 400", REFUSAL_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct http_response response = { .status = cases[i].status,
							.body = (char *)cases[i].body,
							.body_len = strlen(cases[i].body) };
		_cleanup_free_ char *text = NULL;

		assert_int_equal(refusal_text(&response, &text), 0);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(refusal_code(&response), cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_registry_asks_for_is_read),
		cmocka_unit_test(spaces_case_and_escapes_do_not_matter),
		cmocka_unit_test(a_bearer_token_is_preferred),
		cmocka_unit_test(what_cannot_be_met_is_none),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(what_is_no_base64_is_refused),
		cmocka_unit_test(a_refusal_is_worded_as_docker_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
