/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "oci/parse.h"
#include "oci/template.h"
#include "oci/validate.h"

static struct oci_spec template_spec(bool rootless)
{
	_cleanup_free_ char *text = oci_template(rootless, 1000, 100);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_spec spec = { 0 };

	assert_non_null(text);
	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0 || oci_validate(&spec, &err) < 0)
		fail_msg("%s", error_text(&err));
	return spec;
}

static const struct oci_mount *mount_at(const struct oci_spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->mounts.len; i++)
		if (strcmp(spec->mounts.items[i].destination, destination) == 0)
			return &spec->mounts.items[i];
	fail_msg("no mount at %s", destination);
	return NULL;
}

static bool strv_has(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

static void the_default_is_runc_s(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = template_spec(false);
	const struct oci_process *process = spec.process;
	const struct oci_linux *linux_ = spec.linux_;

	(void)state;
	assert_string_equal(spec.oci_version, "1.3.0");
	assert_string_equal(spec.root->path, "rootfs");
	assert_true(spec.root->readonly);
	assert_true(process->terminal);
	assert_true(process->no_new_privileges);
	assert_int_equal(process->args.len, 1);
	assert_string_equal(process->args.items[0], "sh");
	assert_true(strv_has(&process->env, "TERM=xterm"));
	assert_string_equal(process->cwd, "/");
	assert_int_equal(process->capabilities->bounding.len, 3);
	assert_int_equal(process->capabilities->effective.len, 3);
	assert_int_equal(process->capabilities->permitted.len, 3);
	/* CVE-2022-29162: inheritable capabilities stay empty. */
	assert_int_equal(process->capabilities->inheritable.len, 0);
	assert_int_equal(process->rlimits.items[0].hard, 1024);
	assert_int_equal(spec.mounts.len, 7);
	assert_true(strv_has(&mount_at(&spec, "/dev/pts")->options, "gid=5"));
	assert_string_equal(mount_at(&spec, "/sys")->type, "sysfs");
	assert_int_equal(linux_->masked_paths.len, 10);
	assert_int_equal(linux_->readonly_paths.len, 5);
	assert_int_equal(linux_->resources->devices.len, 1);
	assert_false(linux_->resources->devices.items[0].allow);
	for (int kind = 0; kind < OCI_NS_KINDS; kind++)
		assert_int_equal(linux_->namespaces[kind].present,
				 kind != OCI_NS_USER && kind != OCI_NS_TIME);
}

static void the_rootless_one_needs_no_privilege(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = template_spec(true);
	const struct oci_linux *linux_ = spec.linux_;

	(void)state;
	assert_true(linux_->namespaces[OCI_NS_USER].present);
	assert_false(linux_->namespaces[OCI_NS_NETWORK].present);
	assert_null(linux_->resources);
	assert_int_equal(linux_->uid_mappings.items[0].host_id, 1000);
	assert_int_equal(linux_->gid_mappings.items[0].host_id, 100);
	assert_int_equal(linux_->gid_mappings.items[0].size, 1);
	assert_false(strv_has(&mount_at(&spec, "/dev/pts")->options, "gid=5"));
	assert_string_equal(mount_at(&spec, "/sys")->source, "/sys");
	assert_true(strv_has(&mount_at(&spec, "/sys")->options, "rbind"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_runc_s),
		cmocka_unit_test(the_rootless_one_needs_no_privilege),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
