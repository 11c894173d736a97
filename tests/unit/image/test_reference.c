/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names_are_completed_as_docker_does(void **state)
{
	static const struct {
		const char *text, *full, *familiar;
	} cases[] = {
		{ "debian", "docker.io/library/debian:latest", "debian:latest" },
		{ "debian:12", "docker.io/library/debian:12", "debian:12" },
		{ "user/app", "docker.io/user/app:latest", "user/app:latest" },
		{ "docker.io/debian", "docker.io/library/debian:latest", "debian:latest" },
		{ "index.docker.io/debian:1", "docker.io/library/debian:1", "debian:1" },
		{ "docker.io/library/debian:1", "docker.io/library/debian:1", "debian:1" },
		{ "localhost/app", "localhost/app:latest", "localhost/app:latest" },
		{ "localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1" },
		{ "localhost:5000", "docker.io/library/localhost:5000", "localhost:5000" },
		{ "quay.io/a/b/c:x", "quay.io/a/b/c:x", "quay.io/a/b/c:x" },
		{ "Host/app", "Host/app:latest", "Host/app:latest" },
		{ "[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest" },
		{ "a/b_c__d-e---f.g", "docker.io/a/b_c__d-e---f.g:latest",
		  "a/b_c__d-e---f.g:latest" },
		{ "debian:A_b.c-D", "docker.io/library/debian:A_b.c-D", "debian:A_b.c-D" },
		{ "debian@sha256:" HEX, "docker.io/library/debian@sha256:" HEX,
		  "debian@sha256:" HEX },
		{ "debian:12@sha256:" HEX, "docker.io/library/debian@sha256:" HEX,
		  "debian:12@sha256:" HEX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *full = NULL, *familiar = NULL;

		assert_int_equal(image_reference_parse(cases[i].text, &ref, &err), 0);
		full = image_reference_name(&ref);
		familiar = image_reference_familiar(&ref);
		assert_string_equal(full, cases[i].full);
		assert_string_equal(familiar, cases[i].familiar);
	}
}

static void malformed_names_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "invalid reference format" },
		{ "Debian", "repository name (Debian) must be lowercase" },
		{ "a/B", "must be lowercase" },
		{ "debian:", "invalid reference format" },
		{ ":tag", "invalid reference format" },
		{ "debian:-x", "invalid reference format" },
		{ "debian:a b", "invalid reference format" },
		{ "a//b", "invalid reference format" },
		{ "/a", "invalid reference format" },
		{ "a/", "invalid reference format" },
		{ "a..b", "invalid reference format" },
		{ "a___b", "invalid reference format" },
		{ "a-", "invalid reference format" },
		{ "../x", "invalid reference format" },
		{ "x/../y", "invalid reference format" },
		{ "-host.io/app", "invalid reference format" },
		{ "host.io:x/app", "invalid reference format" },
		{ "host.io:/app", "invalid reference format" },
		{ "a\nb", "invalid reference format" },
		{ "debian@sha256:abc", "a digest is sha256:" },
		{ "debian@md5:" HEX, "a digest is sha256:" },
		{ "debian@", "a digest is sha256:" },
		{ "debian@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		  "a digest is sha256:" },
		{ HEX, "cannot specify 64-byte hexadecimal strings" },
	};
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_int_equal(image_reference_parse(cases[i].text, &ref, &err), -EINVAL);
		if (!strstr(error_text(&err), cases[i].why))
			fail_msg("%s: %s", cases[i].text, error_text(&err));
		assert_null(ref.domain);
	}
	/* docker.io/ + library/ + 237 are 255. */
	for (size_t len = 237; len <= 238; len++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_error_ struct error err = ERROR_INIT;

		memset(text, 'a', len);
		text[len] = '\0';
		assert_int_equal(image_reference_parse(text, &ref, &err), len == 237 ? 0 : -EINVAL);
	}
	for (size_t len = 128; len <= 129; len++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_error_ struct error err = ERROR_INIT;

		memset(text, 'a', len + 2);
		text[1] = ':';
		text[len + 2] = '\0';
		assert_int_equal(image_reference_parse(text, &ref, &err), len == 128 ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_completed_as_docker_does),
		cmocka_unit_test(malformed_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
