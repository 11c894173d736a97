/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "image/platform.h"

static struct image_platform parsed(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct image_platform platform;

	if (image_platform_parse(text, &platform, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return platform;
}

static void names_are_normalised(void **state)
{
	static const struct {
		const char *text, *os, *architecture, *variant;
	} cases[] = {
		{ "linux/amd64", "linux", "amd64", "" },
		{ "x86_64", "linux", "amd64", "" },
		{ "Linux/X86-64", "linux", "amd64", "" },
		{ "aarch64", "linux", "arm64", "" },
		{ "linux/arm64/v8", "linux", "arm64", "" },
		{ "linux/arm64/8", "linux", "arm64", "" },
		{ "armhf", "linux", "arm", "v7" },
		{ "armel", "linux", "arm", "v6" },
		{ "linux/arm", "linux", "arm", "v7" },
		{ "linux/arm/6", "linux", "arm", "v6" },
		{ "linux/amd64/v1", "linux", "amd64", "" },
		{ "linux/amd64/v3", "linux", "amd64", "v3" },
		{ "linux/i386", "linux", "386", "" },
		{ "macos/arm64", "darwin", "arm64", "" },
		{ "linux/mine", "linux", "mine", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_platform p = parsed(cases[i].text);

		assert_string_equal(p.os, cases[i].os);
		assert_string_equal(p.architecture, cases[i].architecture);
		assert_string_equal(p.variant, cases[i].variant);
	}
	assert_string_equal(parsed("windows").os, "windows");
	assert_string_equal(parsed("linux").architecture, image_platform_host().architecture);
}

static void malformed_platforms_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"/",
		"linux/",
		"/amd64",
		"a/b/c/d",
		"linux//v8",
		"nothing",
		"linux/am d64",
		"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct image_platform platform;

		assert_int_equal(image_platform_parse(cases[i], &platform, &err), -EINVAL);
	}
}

static void older_variants_run_on_newer_machines(void **state)
{
	static const struct {
		const char *wanted, *have;
		bool match;
	} cases[] = {
		{ "linux/amd64", "linux/amd64", true },
		{ "linux/amd64", "linux/arm64", false },
		{ "linux/amd64", "windows/amd64", false },
		{ "linux/amd64/v3", "linux/amd64/v2", true },
		{ "linux/amd64", "linux/amd64/v2", false },
		{ "linux/arm/v7", "linux/arm/v6", true },
		{ "linux/arm/v6", "linux/arm/v7", false },
		{ "linux/arm64", "linux/arm64/v8", true },
		{ "linux/arm64", "linux/arm64/v9", false },
		{ "linux/arm64", "linux/arm/v7", false },
		{ "linux/x/odd", "linux/x/odd", true },
		{ "linux/x/odd", "linux/x/other", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_platform wanted = parsed(cases[i].wanted),
				      have = parsed(cases[i].have);

		assert_int_equal(image_platform_match(&wanted, &have), cases[i].match);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_normalised),
		cmocka_unit_test(malformed_platforms_are_refused),
		cmocka_unit_test(older_variants_run_on_newer_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
