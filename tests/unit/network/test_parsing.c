/* SPDX-License-Identifier: Apache-2.0 */
/* What users and plugins write about networks, taken or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "network/cni_config.h"
#include "network/cni_result.h"
#include "network/network.h"
#include "network/route.h"

static void ports_are_taken(void **state)
{
	static const struct {
		const char *text;
		struct network_port first;
		size_t len;
	} cases[] = {
		{ "80", { .container = 80, .protocol = "tcp" }, 1 },
		{ "8080:80", { .container = 80, .host = 8080, .protocol = "tcp" }, 1 },
		{ "8080:80/udp", { .container = 80, .host = 8080, .protocol = "udp" }, 1 },
		{ "127.0.0.1:8080:80",
		  { .container = 80, .host = 8080, .protocol = "tcp", .host_ip = "127.0.0.1" },
		  1 },
		{ "127.0.0.1::80",
		  { .container = 80, .protocol = "tcp", .host_ip = "127.0.0.1" },
		  1 },
		{ "[::1]:1:2/sctp",
		  { .container = 2, .host = 1, .protocol = "sctp", .host_ip = "::1" },
		  1 },
		{ "0.0.0.0:1:2", { .container = 2, .host = 1, .protocol = "tcp" }, 1 },
		{ "8000-8010:80",
		  { .container = 80, .host = 8000, .host_end = 8010, .protocol = "tcp" },
		  1 },
		{ "8000-8010:80-90", { .container = 80, .host = 8000, .protocol = "tcp" }, 11 },
		{ "80-90", { .container = 80, .protocol = "tcp" }, 11 },
		{ "65535:65535", { .container = 65535, .host = 65535, .protocol = "tcp" }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct network_port *ports = NULL;
		size_t len = 0;

		assert_int_equal(network_port_parse(cases[i].text, &ports, &len, &err), 0);
		assert_int_equal(len, cases[i].len);
		assert_int_equal(ports[0].container, cases[i].first.container);
		assert_int_equal(ports[0].host, cases[i].first.host);
		assert_int_equal(ports[0].host_end, cases[i].first.host_end);
		assert_string_equal(ports[0].protocol, cases[i].first.protocol);
		assert_string_equal(ports[0].host_ip, cases[i].first.host_ip);
		free(ports);
	}
}

static void other_ports_are_refused(void **state)
{
	static const char *const cases[] = {
		"",          "/tcp",     ":",      "0",          "65536",    "-1",
		"80-",       "-80",      "8 0",    "80x",        "80/",      "80/tcpx",
		"x:80",      "90-80:80", "1:2:3",  "[::1:1:2",   "::80",     "a:b:c",
		"1-2:80-90", "80--90",   "080808", "1.2.3.4:80", "80-90-91",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct network_port *ports = NULL;
		size_t len = 0;
		int r = network_port_parse(cases[i], &ports, &len, &err);

		/* An empty address is none, as docker has it. */
		if (strcmp(cases[i], "::80") == 0)
			assert_int_equal(r, 0);
		else
			assert_int_equal(r, -EINVAL);
		free(ports);
	}
}

static void subnets(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} pairs[] = {
		{ "10.88.0.0/16", "10.88.7.0/24", true },
		{ "10.88.0.0/16", "10.89.0.0/16", false },
		{ "10.88.0.0/16", "10.0.0.0/8", true },
		{ "10.88.0.0/16", "0.0.0.0/0", true },
		{ "10.88.0.1/32", "10.88.0.1/32", true },
		{ "10.88.0.1/32", "10.88.0.2/32", false },
		{ "255.0.0.0/8", "255.255.255.255/32", true },
	};
	static const char *const bad[] = {
		"",         "10.88.0.0",   "10.88.0.0/", "10.88.0.0/33", "/16",
		"10.88/16", "10.88.0.0/x", "::/16",      "10.0.0.0/-1",  "10.0.0.0/1x"
	};
	struct route_subnet a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		assert_int_equal(route_subnet_parse(pairs[i].a, &a), 0);
		assert_int_equal(route_subnet_parse(pairs[i].b, &b), 0);
		assert_int_equal(route_subnets_overlap(&a, &b), pairs[i].overlap);
		assert_int_equal(route_subnets_overlap(&b, &a), pairs[i].overlap);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(route_subnet_parse(bad[i], &a), -EINVAL);
	assert_int_equal(route_subnet_parse("10.88.3.4/16", &a), 0);
	assert_int_equal(a.address, 10u << 24 | 88u << 16);
}

/* 0, or the error of reading the result; *ret: what was read, done by the caller. */
static int read_result(const char *text, struct network_endpoint *ep, struct network_attachment *at)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json = json_loads(text, 0, NULL);
	int r;

	assert_non_null(json);
	r = cni_result_read(json, "eth0", ep, at, &err);
	json_decref(json);
	return r;
}

static void results_of_each_version(void **state)
{
	static const char *const texts[] = {
		"{\"cniVersion\": \"1.0.0\", \"interfaces\": [{\"name\": \"br\", \"mac\": "
		"\"02:00:00:00:00:09\"},"
		" {\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:01\", \"sandbox\": \"/x\"}],"
		" \"ips\": [{\"address\": \"10.9.9.9/8\", \"interface\": 0},"
		" {\"address\": \"10.1.0.5/16\", \"gateway\": \"10.1.0.1\", \"interface\": 1},"
		" {\"address\": \"fd00::5/64\", \"gateway\": \"fd00::1\", \"interface\": 1}],"
		" \"dns\": {\"nameservers\": [\"10.1.0.1\"], \"domain\": \"d.test\", \"search\": "
		"[\"s.test\"]}}",
		"{\"cniVersion\": \"0.3.1\", \"ips\": [{\"version\": \"4\", \"address\": "
		"\"10.1.0.5/16\","
		" \"gateway\": \"10.1.0.1\"}, {\"version\": \"6\", \"address\": \"fd00::5/64\", "
		"\"gateway\": \"fd00::1\"}],"
		" \"dns\": {\"nameservers\": [\"10.1.0.1\"], \"search\": [\"d.test\", "
		"\"s.test\"]}}",
		"{\"cniVersion\": \"0.2.0\", \"ip4\": {\"ip\": \"10.1.0.5/16\", \"gateway\": "
		"\"10.1.0.1\"},"
		" \"ip6\": {\"ip\": \"fd00::5/64\", \"gateway\": \"fd00::1\"},"
		" \"dns\": {\"nameservers\": [\"10.1.0.1\"], \"domain\": \"d.test\", \"search\": "
		"[\"s.test\"]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct network_attachment at = { .endpoints_len = 1 };
		struct network_endpoint *ep = &at.endpoints[0];

		assert_int_equal(read_result(texts[i], ep, &at), 0);
		assert_string_equal(ep->address, "10.1.0.5");
		assert_int_equal(ep->prefix, 16);
		assert_string_equal(ep->gateway, "10.1.0.1");
		assert_string_equal(ep->address6, "fd00::5");
		assert_int_equal(ep->prefix6, 64);
		assert_string_equal(ep->gateway6, "fd00::1");
		assert_int_equal(at.nameservers.len, 1);
		assert_int_equal(at.searches.len, 2);
		assert_string_equal(at.searches.items[1], "s.test");
		if (i == 0)
			assert_string_equal(ep->mac, "02:00:00:00:00:01");
		network_attachment_done(&at);
	}
}

static void bad_results(void **state)
{
	static const char *const texts[] = {
		"{\"ips\": [{\"address\": \"10.1.0.5/33\"}]}",
		"{\"ips\": [{\"address\": \"10.1.0.5/\"}]}",
		"{\"ips\": [{\"address\": \"10.1.0.5/1 6\"}]}",
		"{\"ips\": [{\"address\": \"10.1.0.5\\nnameserver 1.2.3.4\"}]}",
		"{\"ips\": [{\"address\": \"10.1.0.5/16\", \"gateway\": \"up\"}]}",
		"{\"interfaces\": [{\"name\": \"eth0\", \"mac\": \"x y\", \"sandbox\": \"/x\"}]}",
		"{\"dns\": {\"nameservers\": [\"\"]}}",
		"{\"dns\": {\"search\": [\"a\\nb\"]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct network_attachment at = { .endpoints_len = 1 };

		assert_int_equal(read_result(texts[i], &at.endpoints[0], &at), -EINVAL);
		network_attachment_done(&at);
	}
}

static void names(void **state)
{
	(void)state;
	assert_true(cni_name_is_valid("a", 64));
	assert_true(cni_name_is_valid("0.b_c-d", 64));
	assert_false(cni_name_is_valid("", 64));
	assert_false(cni_name_is_valid(".a", 64));
	assert_false(cni_name_is_valid("-a", 64));
	assert_false(cni_name_is_valid("a/b", 64));
	assert_false(cni_name_is_valid("abc", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_taken), cmocka_unit_test(other_ports_are_refused),
		cmocka_unit_test(subnets),         cmocka_unit_test(results_of_each_version),
		cmocka_unit_test(bad_results),     cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
