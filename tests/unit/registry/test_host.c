/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "image/registry/host.h"

static void only_what_stays_on_this_machine_is_loopback(void **state)
{
	static const char *const loopback[] = { "localhost",      "localhost:5000",
						"LOCALHOST:1",    "127.0.0.1",
						"127.255.3.4:80", "[::1]:5000",
						"[::1]",          "registry.localhost:5000" };
	static const char *const others[] = {
		"",
		"128.0.0.1",
		"127.0.0.1.example.com",
		"localhost.example.com",
		"0.0.0.0",
		"mylocalhost:5000",
		"[::2]:5000",
		"10.127.0.1",
		"127.1",
		"2130706433",
		"docker.io",
		"[::ffff:127.0.0.1]",
		":5000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loopback); i++)
		if (!host_is_loopback(loopback[i]))
			fail_msg("%s is not", loopback[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (host_is_loopback(others[i]))
			fail_msg("%s is", others[i]);
}

static void a_host_is_listed_with_its_port_or_for_all(void **state)
{
	static const char *const list[] = { "a.example:5000", "b.example", "[fd00::1]", NULL };

	(void)state;
	assert_true(host_is_listed("a.example:5000", list));
	assert_true(host_is_listed("A.EXAMPLE:5000", list));
	assert_false(host_is_listed("a.example:5001", list));
	assert_false(host_is_listed("a.example", list));
	assert_true(host_is_listed("b.example", list));
	assert_true(host_is_listed("b.example:1", list));
	assert_false(host_is_listed("b.example.com", list));
	assert_true(host_is_listed("[fd00::1]:5000", list));
	assert_false(host_is_listed("a.example:5000", NULL));
}

static void an_origin_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *url, *scheme, *host;
	} urls[] = {
		{ "https://a.example/v2/", "https", "a.example" },
		{ "http://127.0.0.1:5000/x?y", "http", "127.0.0.1:5000" },
		{ "https://a.example:443/", "https", "a.example" },
		{ "http://[::1]:8/", "http", "[::1]:8" },
	};
	static const char *const bad[] = { "",
					   "/v2/",
					   "ftp://a/",
					   "file:///etc/passwd",
					   "https://user:secret@a/",
					   "https://",
					   "javascript:1",
					   "https://a:99999/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_origin_ struct origin origin = { 0 };

		if (origin_parse(urls[i].url, &origin, &err) < 0)
			fail_msg("%s", error_text(&err));
		assert_string_equal(origin.scheme, urls[i].scheme);
		assert_string_equal(origin.host, urls[i].host);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_origin_ struct origin origin = { 0 };

		if (origin_parse(bad[i], &origin, &err) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	}
}

static void origins_differ_by_any_part(void **state)
{
	static const char *const others[] = { "http://a.example/", "https://a.example:8443/",
					      "https://b.example/", "https://a.example.b/" };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_origin_ struct origin one = { 0 }, same = { 0 };

	(void)state;
	assert_int_equal(origin_parse("https://a.example/x", &one, &err), 0);
	assert_int_equal(origin_parse("https://A.example:443/y", &same, &err), 0);
	assert_true(origin_same(&one, &same));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_origin_ struct origin other = { 0 };

		assert_int_equal(origin_parse(others[i], &other, &err), 0);
		assert_false(origin_same(&one, &other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_stays_on_this_machine_is_loopback),
		cmocka_unit_test(a_host_is_listed_with_its_port_or_for_all),
		cmocka_unit_test(an_origin_is_scheme_host_and_port),
		cmocka_unit_test(origins_differ_by_any_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
