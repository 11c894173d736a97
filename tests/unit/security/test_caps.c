/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#include "container/caps.h"

#define BIT(n) (UINT64_C(1) << (n))

/* A line of /proc/self/status, as a mask. */
static uint64_t status_mask(const char *field)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long value = 0;
	char line[256];
	size_t len = strlen(field);

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			value = strtoull(line + len + 1, NULL, 16);
	(void)fclose(f);
	return value;
}

static void names_are_numbers(void **state)
{
	(void)state;
	assert_int_equal(caps_number("CAP_CHOWN"), CAP_CHOWN);
	assert_int_equal(caps_number("net_admin"), CAP_NET_ADMIN);
	assert_int_equal(caps_number("cap_Checkpoint_Restore"), CAP_CHECKPOINT_RESTORE);
	assert_true(caps_number("ALL") < 0);
	assert_true(caps_number("CAP_") < 0);
	assert_true(caps_number("") < 0);
	for (int n = 0; n <= CAP_CHECKPOINT_RESTORE; n++)
		assert_int_equal(caps_number(caps_name((unsigned)n)), n);
	assert_string_equal(caps_name(CAP_SYS_RESOURCE), "CAP_SYS_RESOURCE");
	assert_string_equal(caps_name(CAP_BPF), "CAP_BPF");
	assert_null(caps_name(41));
}

static void an_unknown_name_is_refused_by_its_path(void **state)
{
	struct error err = ERROR_INIT;
	struct oci_capabilities oci = {
		.bounding = STRV("CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_X"),
	};
	struct oci_capabilities all = { .ambient = STRV("ALL") };
	struct caps caps = { .bounding = 42 };

	(void)state;
	assert_refused(caps_parse(&oci, "process.capabilities", &caps, &err), &err,
		       "process.capabilities.bounding[3]: unknown capability \"CAP_X\"");
	assert_refused(caps_parse(&all, "process.capabilities", &caps, &err), &err,
		       "process.capabilities.ambient[0]: unknown capability \"ALL\"");
	assert_int_equal(caps.bounding, 42); /* untouched on failure */
	assert_int_equal(caps_parse(NULL, "process.capabilities", &caps, &err), 0);
	assert_int_equal(caps.bounding | caps.permitted | caps.effective, 0);
}

static void sets_become_those_of_the_spec(void *arg)
{
	struct error err = ERROR_INIT;
	struct oci_capabilities oci = {
		.bounding = STRV("CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"),
		.permitted = STRV("CAP_KILL", "CAP_NET_BIND_SERVICE"),
		.effective = STRV("CAP_KILL"),
		.inheritable = STRV("CAP_NET_BIND_SERVICE"),
		.ambient = STRV("CAP_NET_BIND_SERVICE"),
	};
	struct caps caps;

	(void)arg;
	CHECK_OK(caps_parse(&oci, "process.capabilities", &caps, &err), &err);
	CHECK_OK(caps_drop_bounding(&caps, &err), &err);
	CHECK_OK(caps_keep(&err), &err);
	CHECK(setresuid(1000, 1000, 1000) == 0);
	/* As the engine does: one capability more for the moment, then without it. */
	CHECK_OK(caps_apply(&caps, BIT(CAP_SYS_ADMIN), &err), &err);
	CHECK(status_mask("CapEff") == (BIT(CAP_KILL) | BIT(CAP_SYS_ADMIN)));
	CHECK_OK(caps_drop_extra(&caps, &err), &err);
	CHECK(status_mask("CapBnd") ==
	      (BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_CHOWN)));
	CHECK(status_mask("CapPrm") == (BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE)));
	CHECK(status_mask("CapEff") == BIT(CAP_KILL));
	CHECK(status_mask("CapInh") == BIT(CAP_NET_BIND_SERVICE));
	CHECK(status_mask("CapAmb") == BIT(CAP_NET_BIND_SERVICE));
}

static void nothing_given_is_nothing_left(void *arg)
{
	struct error err = ERROR_INIT;
	struct caps caps;

	(void)arg;
	CHECK_OK(caps_parse(NULL, "process.capabilities", &caps, &err), &err);
	CHECK_OK(caps_drop_bounding(&caps, &err), &err);
	CHECK_OK(caps_apply(&caps, 0, &err), &err);
	CHECK(status_mask("CapBnd") == 0); /* those that have no name here too */
	CHECK(status_mask("CapPrm") == 0 && status_mask("CapEff") == 0);
	/* Without CAP_SETPCAP, and with nothing left to drop, it is no error. */
	CHECK_OK(caps_drop_bounding(&caps, &err), &err);
}

static void ambient_of_the_caller_is_cleared(void *arg)
{
	struct error err = ERROR_INIT;
	struct caps caps = { .permitted = BIT(CAP_KILL),
			     .inheritable = BIT(CAP_KILL),
			     .effective = BIT(CAP_KILL),
			     .ambient = BIT(CAP_KILL) };
	struct caps without = { .permitted = BIT(CAP_KILL), .inheritable = BIT(CAP_KILL) };

	(void)arg;
	CHECK_OK(caps_apply(&caps, 0, &err), &err);
	CHECK(status_mask("CapAmb") == BIT(CAP_KILL));
	CHECK_OK(caps_apply(&without, 0, &err), &err);
	CHECK(status_mask("CapAmb") == 0);
}

static void what_cannot_be_granted_is_named(void *arg)
{
	struct error err = ERROR_INIT;
	struct caps few = { .permitted = BIT(CAP_KILL) | BIT(CAP_SETPCAP),
			    .effective = BIT(CAP_SETPCAP) };
	struct caps more = { .permitted = BIT(CAP_KILL) | BIT(CAP_SYS_TIME),
			     .effective = BIT(CAP_SYS_TIME),
			     .ambient = BIT(CAP_KILL) };
	struct caps ambient = { .permitted = BIT(CAP_KILL), .ambient = BIT(CAP_KILL) };
	uint64_t removed = 0;

	(void)arg;
	CHECK_OK(caps_apply(&few, 0, &err), &err);
	CHECK(caps_apply(&more, 0, &err) == -EPERM);
	CHECK(strcmp(error_text(&err),
		     "process.capabilities.permitted: CAP_SYS_TIME cannot be granted: "
		     "the runtime does not have it itself") == 0);
	CHECK(caps_apply(&ambient, 0, &err) == -EPERM);
	CHECK(strstr(error_text(&err), "process.capabilities.ambient: CAP_KILL"));
	CHECK_OK(caps_limit(&more, &removed, &err), &err);
	CHECK(removed == (BIT(CAP_SYS_TIME) | BIT(CAP_KILL)));
	CHECK_OK(caps_apply(&more, 0, &err), &err);
	CHECK(status_mask("CapPrm") == BIT(CAP_KILL) && status_mask("CapEff") == 0);
	CHECK(status_mask("CapAmb") == 0);
}

static void dropping_without_the_right_is_reported(void *arg)
{
	struct error err = ERROR_INIT;
	struct caps none = { 0 };

	(void)arg;
	CHECK_OK(caps_apply(&none, 0, &err), &err);
	CHECK(caps_drop_bounding(&none, &err) == -EPERM);
	CHECK(strstr(error_text(&err), "drop CAP_CHOWN from the bounding set"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_numbers),
		cmocka_unit_test(an_unknown_name_is_refused_by_its_path),
		IN_CHILD(sets_become_those_of_the_spec),
		IN_CHILD(nothing_given_is_nothing_left),
		IN_CHILD(ambient_of_the_caller_is_cleared),
		IN_CHILD(what_cannot_be_granted_is_named),
		IN_CHILD(dropping_without_the_right_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
