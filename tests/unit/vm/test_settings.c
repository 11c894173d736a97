/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "vm/settings.h"

#define BASE                                                                                       \
	"\"name\":\"c1\",\"monitor\":\"qemu\",\"accelerator\":\"tcg\",\"kernel\":\"/k\","          \
	"\"initrd\":\"/i\",\"kernel_boot\":\"pvh\",\"memory\":134217728,\"cpus\":2,"               \
	"\"boot_timeout_ms\":5000,\"uid\":0"

static void test_round_trip(void **state)
{
	struct vm_settings in = {
		.name = (char *)"a,b",
		.monitor = (char *)"qemu",
		.accelerator = VM_KVM,
		.kernel = (char *)"/k",
		.initrd = (char *)"/i i",
		.kernel_boot = VM_KERNEL_BZIMAGE,
		.kernel_parameters = (char *)"a=\"b c\"",
		.memory = 64 << 20,
		.cpus = 64,
		.boot_timeout_ms = 1,
		.uid = 4294967293,
		.disks = { { 8, 120, true, "layer-0" }, { 191, 1, false, "12345678901234567890" } },
		.disks_len = 2,
		.nics = { { 7, "02:00:00:00:00:01" } },
		.nics_len = 1,
	};
	struct vm_settings out = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json = vm_settings_json(&in);
	char *text = json_dumps(json, 0);

	(void)state;
	assert_int_equal(vm_settings_parse(text, strlen(text), &out, &err), 0);
	assert_string_equal(out.name, in.name);
	assert_string_equal(out.monitor, in.monitor);
	assert_int_equal(out.accelerator, in.accelerator);
	assert_string_equal(out.kernel, in.kernel);
	assert_string_equal(out.initrd, in.initrd);
	assert_int_equal(out.kernel_boot, in.kernel_boot);
	assert_string_equal(out.kernel_parameters, in.kernel_parameters);
	assert_int_equal(out.memory, in.memory);
	assert_int_equal(out.cpus, in.cpus);
	assert_int_equal(out.boot_timeout_ms, in.boot_timeout_ms);
	assert_int_equal(out.uid, in.uid);
	assert_int_equal(out.disks_len, 2);
	assert_memory_equal(out.disks, in.disks, sizeof(in.disks));
	assert_int_equal(out.nics_len, 1);
	assert_memory_equal(out.nics, in.nics, sizeof(in.nics));
	vm_settings_done(&out);
	free(text);
	json_decref(json);
}

static void test_without_the_optional(void **state)
{
	static const char text[] = "{" BASE "}";
	struct vm_settings out = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(vm_settings_parse(text, strlen(text), &out, &err), 0);
	assert_null(out.kernel_parameters);
	assert_int_equal(out.disks_len + out.nics_len, 0);
	vm_settings_done(&out);
}

/* A later member of a name takes the place of an earlier one. */
static const struct {
	const char *member, *said;
} refused[] = {
	{ "\"name\":\"\"", "name: empty" },
	{ "\"name\":\"a\\nb\"", "name: has control characters" },
	{ "\"name\":null", "name: required" },
	{ "\"color\":1", "color: unknown" },
	{ "\"accelerator\":\"hvf\"", "accelerator: unknown value \"hvf\"" },
	{ "\"kernel\":\"k\"", "kernel: expected an absolute path" },
	{ "\"kernel_boot\":\"efi\"", "kernel_boot: unknown value" },
	{ "\"kernel_parameters\":\"a\\u00e9\"", "kernel_parameters: expected printable ASCII" },
	{ "\"kernel_parameters\":\"a\\tb\"", "kernel_parameters: has control characters" },
	{ "\"memory\":134217729", "memory: expected whole MiB" },
	{ "\"memory\":1048576", "memory: " },
	{ "\"memory\":1e9", "memory: " },
	{ "\"cpus\":0", "cpus: " },
	{ "\"cpus\":65", "cpus: " },
	{ "\"boot_timeout_ms\":0", "boot_timeout_ms: " },
	{ "\"uid\":4294967295", "uid: " },
	{ "\"uid\":-1", "uid: " },
	{ "\"disks\":{}", "disks: " },
	{ "\"disks\":[1]", "disks[0]: expected an object" },
	{ "\"disks\":[{\"fd\":5,\"readonly\":true,\"serial\":\"a\"}]", "disks[0].fd: " },
	{ "\"disks\":[{\"fd\":192,\"readonly\":true,\"serial\":\"a\"}]", "disks[0].fd: " },
	{ "\"disks\":[{\"fd\":100,\"extents\":93,\"readonly\":true,\"serial\":\"a\"}]",
	  "disks[0].fd: " },
	{ "\"disks\":[{\"fd\":6,\"extents\":0,\"readonly\":true,\"serial\":\"a\"}]",
	  "disks[0].extents: " },
	{ "\"disks\":[{\"fd\":6,\"extents\":129,\"readonly\":true,\"serial\":\"a\"}]",
	  "disks[0].extents: " },
	{ "\"disks\":[{\"fd\":6,\"extents\":2,\"readonly\":false,\"serial\":\"a\"}]",
	  "disks[0].extents: only a read-only disk" },
	{ "\"disks\":[{\"fd\":6,\"extents\":3,\"readonly\":true,\"serial\":\"a\"},"
	  "{\"fd\":8,\"readonly\":true,\"serial\":\"b\"}]",
	  "disks[1].fd: descriptor 8 is named twice" },
	{ "\"disks\":[{\"fd\":6,\"extents\":100,\"readonly\":true,\"serial\":\"a\"},"
	  "{\"fd\":106,\"extents\":29,\"readonly\":true,\"serial\":\"b\"}]",
	  "disks[1]: more than 128 files" },
	{ "\"disks\":[{\"fd\":6,\"serial\":\"a\"}]", "disks[0].readonly: required" },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"\"}]", "disks[0].serial: " },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"123456789012345678901\"}]",
	  "disks[0].serial: " },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"a,file=b\"}]", "disks[0].serial: " },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"a\",\"x\":1}]",
	  "disks[0].x: unknown" },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"a\"},"
	  "{\"fd\":7,\"readonly\":true,\"serial\":\"a\"}]",
	  "disks[1]: its serial is another disk's" },
	{ "\"disks\":[{\"fd\":6,\"readonly\":true,\"serial\":\"a\"}],"
	  "\"nics\":[{\"fd\":6,\"mac\":\"02:00:00:00:00:01\"}]",
	  "nics[0].fd: descriptor 6 is named twice" },
	{ "\"nics\":[{\"fd\":6,\"mac\":\"01:00:00:00:00:01\"}]", "nics[0].mac: " },
	{ "\"nics\":[{\"fd\":6,\"mac\":\"00:00:00:00:00:00\"}]", "nics[0].mac: " },
	{ "\"nics\":[{\"fd\":6,\"mac\":\"02:00:00:00:00:1\"}]", "nics[0].mac: " },
	{ "\"nics\":[{\"fd\":6,\"mac\":\"02:00:00:00:00:01,x=1\"}]", "nics[0].mac: " },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct vm_settings out = { 0 };
		char text[1024];
		int r;

		(void)snprintf(text, sizeof(text), "{" BASE ",%s}", refused[i].member);
		r = vm_settings_parse(text, strlen(text), &out, &err);
		assert_true(r < 0);
		assert_int_equal(r, -err.code);
		assert_null(out.name);
		if (strncmp(error_text(&err), "the VM's settings: ", 19) != 0 ||
		    strncmp(error_text(&err) + 19, refused[i].said, strlen(refused[i].said)) != 0)
			fail_msg("%s: %s", refused[i].member, error_text(&err));
	}
}

static void test_not_an_object(void **state)
{
	static const char *const texts[] = { "", "[]", "{", "{} x", "null" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct vm_settings out = { 0 };

		assert_true(vm_settings_parse(texts[i], strlen(texts[i]), &out, &err) < 0);
		assert_int_not_equal(err.code, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_without_the_optional),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
