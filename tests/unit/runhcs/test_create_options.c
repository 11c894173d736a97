/* SPDX-License-Identifier: Apache-2.0 */
/* What create and run are told of the utility VM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "runhcs/create_options.h"

static int apply(const struct create_options *options, struct compute_create *ret,
		 struct error *err)
{
	struct invocation invocation = { 0 };

	return create_options_apply(options, &invocation, "web", ret, err);
}

static void kernel_and_host_are_handed_on(void **state)
{
	struct create_options given = { .isolation = "vm", .kernel = "vmlinux", .host = "pod" };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct compute_create create;

	(void)state;
	assert_int_equal(apply(&given, &create, &err), 0);
	assert_int_equal(create.isolation, ISOLATION_HYPERV);
	assert_string_equal(create.kernel, "vmlinux");
	assert_string_equal(create.vm_host, "pod");
	assert_int_equal(apply(&(struct create_options){ 0 }, &create, &err), 0);
	assert_int_equal(create.isolation, ISOLATION_DEFAULT);
	assert_null(create.kernel);
	assert_null(create.vm_host);
}

static void what_names_nothing_is_refused_by_its_option(void **state)
{
	static const struct {
		struct create_options given;
		const char *says;
	} wrong[] = {
		{ { .host = "../pod" }, "--host: container id" },
		{ { .host = "" }, "--host: container id" },
		{ { .host = "web" }, "--host web: a container cannot join its own" },
		{ { .kernel = "" }, "--kernel: the path is empty" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct compute_create create;

		assert_int_equal(apply(&wrong[i].given, &create, &err), -EINVAL);
		if (!strstr(error_text(&err), wrong[i].says))
			fail_msg("\"%s\" does not say \"%s\"", error_text(&err), wrong[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_and_host_are_handed_on),
		cmocka_unit_test(what_names_nothing_is_refused_by_its_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
