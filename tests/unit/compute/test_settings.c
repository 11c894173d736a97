/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "compute/settings.h"

static char path[] = "/tmp/hcs-settings-XXXXXX";

static void write_file(const char *text, size_t len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
}

static struct compute_settings settings_of(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct compute_settings settings;

	write_file(text, strlen(text));
	if (compute_settings_load(&settings, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return settings;
}

static void every_key_is_taken(void **state)
{
	_cleanup_settings_ struct compute_settings s =
		settings_of("{\"isolation\": \"hyperv\", \"hyperv\": {\"kernel\": \"/k\","
			    " \"initrd\": \"/i\", \"memory\": \"1G\", \"cpus\": 3,"
			    " \"bootTimeout\": 7, \"requestTimeout\": 9, \"accelerator\": \"tcg\"},"
			    " \"network\": {\"subnet\": \"10.1.0.0/16\"},"
			    " \"registries\": {\"mirrors\": [\"https://m/x\", \"http://n:1\"],"
			    " \"insecure\": [\"h:5000\"], \"stallTimeout\": 9}}");

	(void)state;
	assert_int_equal(s.isolation, ISOLATION_HYPERV);
	assert_string_equal(s.hyperv.kernel, "/k");
	assert_string_equal(s.hyperv.initrd, "/i");
	assert_int_equal(s.hyperv.memory, 1 << 30);
	assert_int_equal(s.hyperv.cpus, 3);
	assert_int_equal(s.hyperv.boot_timeout_ms, 7000);
	assert_int_equal(s.hyperv.request_timeout_ms, 9000);
	assert_int_equal(s.hyperv.accelerator, SETTINGS_ACCELERATOR_TCG);
	assert_string_equal(s.registries.mirrors[0], "https://m/x");
	assert_string_equal(s.registries.mirrors[1], "http://n:1");
	assert_null(s.registries.mirrors[2]);
	assert_string_equal(s.registries.insecure[0], "h:5000");
	assert_null(s.registries.insecure[1]);
	assert_int_equal(s.registries.stall_seconds, 9);
	assert_string_equal(s.network.subnet, "10.1.0.0/16");
}

static void what_is_not_said_has_the_default(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"hyperv\": {}}", "{\"hyperv\": null}",
		"{\"isolation\": null, \"hyperv\": {\"cpus\": null}}"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_settings_ struct compute_settings s = settings_of(texts[i]);

		assert_int_equal(s.isolation, ISOLATION_PROCESS);
		assert_null(s.hyperv.kernel);
		assert_null(s.hyperv.initrd);
		assert_true(!s.hyperv.memory && !s.hyperv.cpus && !s.hyperv.boot_timeout_ms);
		assert_int_equal(s.hyperv.accelerator, SETTINGS_ACCELERATOR_AUTO);
	}
}

static void sizes_are_bytes_or_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "67108864", 64 << 20 }, { "\"67108864\"", 64 << 20 }, { "\"65536k\"", 64 << 20 },
		{ "\"40M\"", 40 << 20 },  { "\"2g\"", 2ull << 30 },     { "\"16T\"", 16ull << 40 },
		{ "67108865", 64 << 20 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_settings_ struct compute_settings s = { 0 };
		char text[128];

		(void)snprintf(text, sizeof(text), "{\"hyperv\":{\"memory\":%s}}", sizes[i].text);
		s = settings_of(text);
		assert_true(s.hyperv.memory == sizes[i].bytes);
	}
}

static void assert_refused(const char *key, int code)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct compute_settings s;

	if (compute_settings_load(&s, &err) != -code)
		fail_msg("%s: not refused with %d: %s", key, code, error_text(&err));
	if (!strstr(error_text(&err), path) || !strstr(error_text(&err), key))
		fail_msg("\"%s\" does not name %s and %s", error_text(&err), path, key);
	assert_null(strpbrk(error_text(&err), "\n\x1b"));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *key;
	} wrong[] = {
		{ "{\"isolaton\": \"hyperv\"}", "isolaton" },
		{ "{\"hyperv\": {\"kernal\": \"/k\"}}", "hyperv.kernal" },
		{ "{\"isolation\": \"default\"}", "isolation" },
		{ "{\"isolation\": \"none\\u001b\"}", "isolation" },
		{ "{\"isolation\": true}", "isolation" },
		{ "{\"hyperv\": []}", "hyperv" },
		{ "{\"hyperv\": {\"kernel\": \"vmlinux\"}}", "hyperv.kernel" },
		{ "{\"hyperv\": {\"kernel\": \"\"}}", "hyperv.kernel" },
		{ "{\"hyperv\": {\"initrd\": 1}}", "hyperv.initrd" },
		{ "{\"hyperv\": {\"memory\": \"\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"64MB\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"-64M\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": -1}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": 64.0}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"39M\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"17T\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"18446744073709551616\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"memory\": \"17592186044416T\"}}", "hyperv.memory" },
		{ "{\"hyperv\": {\"cpus\": 0}}", "hyperv.cpus" },
		{ "{\"hyperv\": {\"cpus\": 65}}", "hyperv.cpus" },
		{ "{\"hyperv\": {\"bootTimeout\": 0}}", "hyperv.bootTimeout" },
		{ "{\"hyperv\": {\"bootTimeout\": \"5s\"}}", "hyperv.bootTimeout" },
		{ "{\"hyperv\": {\"requestTimeout\": 3601}}", "hyperv.requestTimeout" },
		{ "{\"hyperv\": {\"accelerator\": \"hvf\"}}", "hyperv.accelerator" },
		{ "{\"registries\": {\"mirror\": []}}", "registries.mirror" },
		{ "{\"network\": {\"subnet\": \"10.1.0.0\"}}", "network.subnet" },
		{ "{\"network\": {\"subnet\": 10}}", "network.subnet" },
		{ "{\"network\": {\"bridge\": \"x\"}}", "network.bridge" },
		{ "{\"registries\": {\"mirrors\": [\"mirror.example\"]}}",
		  "registries.mirrors[0]" },
		{ "{\"registries\": {\"mirrors\": [\"https://a\", \"https://u@b\"]}}",
		  "registries.mirrors[1]" },
		{ "{\"registries\": {\"insecure\": [\"http://a\"]}}", "registries.insecure[0]" },
		{ "{\"registries\": {\"insecure\": \"a\"}}", "registries.insecure" },
		{ "{\"registries\": {\"stallTimeout\": 0}}", "registries.stallTimeout" },
		{ "[]", "expected an object" },
		{ "", "invalid JSON" },
		{ "{\"hyperv\": {\"cpus\": 1}", "invalid JSON at line 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		write_file(wrong[i].text, strlen(wrong[i].text));
		assert_refused(wrong[i].key, EINVAL);
	}
}

static void a_large_file_is_refused(void **state)
{
	_cleanup_free_ char *text = malloc(64 * 1024 + 1);

	(void)state;
	memset(text, ' ', 64 * 1024 + 1);
	memcpy(text, "{}", 2);
	write_file(text, 64 * 1024 + 1);
	assert_refused("64 KiB", EFBIG);
}

static void a_file_that_is_named_must_be_there(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT, relative = ERROR_INIT;
	struct compute_settings s;

	(void)state;
	assert_int_equal(setenv("HCS_CONFIG", "/nonexistent/config.json", 1), 0);
	assert_int_equal(compute_settings_load(&s, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "/nonexistent/config.json"));
	assert_int_equal(setenv("HCS_CONFIG", "config.json", 1), 0);
	assert_int_equal(compute_settings_load(&s, &relative), -EINVAL);
	assert_int_equal(setenv("HCS_CONFIG", path, 1), 0);
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 || close(fd) < 0 || setenv("HCS_CONFIG", path, 1) < 0;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(what_is_not_said_has_the_default),
		cmocka_unit_test(sizes_are_bytes_or_have_a_unit),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_large_file_is_refused),
		cmocka_unit_test(a_file_that_is_named_must_be_there),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
