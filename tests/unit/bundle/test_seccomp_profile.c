/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "container/caps.h"
#include "service/seccomp_default.h"
#include "service/seccomp_profile.h"

static uint64_t cap(const char *name)
{
	return (uint64_t)1 << caps_number(name);
}

static json_t *profile(uint64_t caps, const char *arch)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const struct seccomp_for who = { arch, caps, 6, 12 };
	json_t *json = seccomp_default(&who, &err);

	assert_non_null(json);
	return json;
}

static bool names(const json_t *rule, const char *call)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(rule, "names"), i,
			   item) if (strcmp(json_string_value(item), call) == 0) return true;
	return false;
}

/* The rules of a call with and without arguments. */
static void count(const json_t *json, const char *call, size_t *ret_plain, size_t *ret_args)
{
	const json_t *rule;
	size_t i;

	*ret_plain = *ret_args = 0;
	json_array_foreach(json_object_get(json, "syscalls"), i,
			   rule) if (names(rule, call) &&
				     strcmp(json_string_value(json_object_get(rule, "action")),
					    "SCMP_ACT_ALLOW") ==
					     0)++ *(json_object_get(rule, "args") ? ret_args
										  : ret_plain);
}

static bool allows(const json_t *json, const char *call)
{
	size_t plain, args;

	count(json, call, &plain, &args);
	return plain > 0;
}

static void test_every_name_is_known(void **state)
{
	static const char *const newer[] = { "cachestat",
					     "fchmodat2",
					     "futex_requeue",
					     "futex_wait",
					     "futex_wake",
					     "map_shadow_stack",
					     "mseal",
					     "getxattrat",
					     "listxattrat",
					     "removexattrat",
					     "setxattrat",
					     "listmount",
					     "statmount",
					     "lsm_get_self_attr",
					     "lsm_list_modules",
					     "lsm_set_self_attr",
					     "set_mempolicy_home_node",
					     "riscv_hwprobe" };

	(void)state;
	for (size_t i = 0; i < seccomp_default_rules_len; i++) {
		char copy[8192], *save = NULL;

		(void)snprintf(copy, sizeof(copy), "%s", seccomp_default_rules[i].names);
		for (char *n = strtok_r(copy, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
			bool is_newer = false;

			for (size_t k = 0; k < ARRAY_SIZE(newer); k++)
				is_newer |= strcmp(newer[k], n) == 0;
			/* By some architecture's table: a word that none has is a slip. */
			if (!is_newer && seccomp_syscall_resolve_name(n) == __NR_SCMP_ERROR)
				fail_msg("%s is no system call", n);
		}
	}
}

static void test_no_capability_is_misspelt(void **state)
{
	(void)state;
	for (size_t i = 0; i < seccomp_default_rules_len; i++) {
		const char *caps[] = { seccomp_default_rules[i].caps,
				       seccomp_default_rules[i].not_caps };

		for (size_t k = 0; k < 2; k++)
			if (caps[k])
				assert_true(caps_number(caps[k]) >= 0);
	}
}

static void test_without_capabilities(void **state)
{
	static const char *const refused[] = {
		"mount",      "umount2",         "unshare",     "setns",
		"bpf",        "perf_event_open", "reboot",      "init_module",
		"kexec_load", "keyctl",          "add_key",     "request_key",
		"swapon",     "io_uring_setup",  "userfaultfd", "open_by_handle_at",
		"chroot",     "clock_settime",   "iopl",        "acct",
		"pivot_root", "quotactl",        "syslog",      "clone3",
		"clone",      "socket",          "personality",
	};
	static const char *const allowed[] = { "read",    "execve",
					       "fork",    "ptrace",
					       "setuid",  "chown",
					       "openat2", "landlock_restrict_self" };
	json_t *json = profile(0, "amd64");
	size_t plain, args;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (allows(json, refused[i]))
			fail_msg("%s is allowed", refused[i]);
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (!allows(json, allowed[i]))
			fail_msg("%s is not allowed", allowed[i]);
	count(json, "clone", &plain, &args);
	assert_int_equal(args, 1);
	count(json, "socket", &plain, &args);
	assert_int_equal(args, 1);
	count(json, "personality", &plain, &args);
	assert_int_equal(args, 5);
	json_decref(json);
}

static void test_capabilities_open_calls(void **state)
{
	static const struct {
		const char *cap, *call;
	} opened[] = {
		{ "CAP_SYS_ADMIN", "mount" },
		{ "CAP_SYS_ADMIN", "clone" },
		{ "CAP_SYS_ADMIN", "clone3" },
		{ "CAP_SYS_ADMIN", "setns" },
		{ "CAP_SYS_BOOT", "reboot" },
		{ "CAP_SYS_CHROOT", "chroot" },
		{ "CAP_SYS_MODULE", "init_module" },
		{ "CAP_SYS_PACCT", "acct" },
		{ "CAP_SYS_PTRACE", "kcmp" },
		{ "CAP_SYS_RAWIO", "iopl" },
		{ "CAP_SYS_TIME", "clock_settime" },
		{ "CAP_SYS_TTY_CONFIG", "vhangup" },
		{ "CAP_SYS_NICE", "mbind" },
		{ "CAP_SYSLOG", "syslog" },
		{ "CAP_BPF", "bpf" },
		{ "CAP_PERFMON", "perf_event_open" },
		{ "CAP_DAC_READ_SEARCH", "open_by_handle_at" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(opened); i++) {
		json_t *json = profile(cap(opened[i].cap), "amd64");

		if (!allows(json, opened[i].call))
			fail_msg("%s does not open %s", opened[i].cap, opened[i].call);
		json_decref(json);
	}
}

static void test_architectures(void **state)
{
	json_t *amd64 = profile(0, "amd64"), *arm64 = profile(0, "arm64");

	(void)state;
	assert_true(allows(amd64, "arch_prctl"));
	assert_false(allows(arm64, "arch_prctl"));
	assert_true(allows(arm64, "set_tls"));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(arm64, "architectures"), 0)),
		"SCMP_ARCH_AARCH64");
	json_decref(amd64);
	json_decref(arm64);
}

static json_t *from_file(const char *text, struct error *err)
{
	const struct seccomp_for who = { "amd64", cap("CAP_SYS_CHROOT"), 6, 1 };

	return seccomp_from_profile(text, &who, err);
}

/* docker's own format. */
static void test_profile_of_a_file(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json = from_file(
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1,"
		"\"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
		"[\"SCMP_ARCH_X86\"]}, {\"architecture\": \"SCMP_ARCH_AARCH64\"}],"
		"\"syscalls\": ["
		"{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\", \"args\": null},"
		"{\"names\": [\"chroot\"], \"action\": \"SCMP_ACT_ALLOW\", \"comment\": \"\", "
		"\"includes\": {\"caps\": [\"CAP_SYS_CHROOT\"]}, \"excludes\": {}},"
		"{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
		"{\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"excludes\": {\"caps\": [\"CAP_SYS_CHROOT\"]}},"
		"{\"names\": [\"set_tls\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"includes\": {\"arches\": [\"arm\"]}},"
		"{\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"includes\": {\"minKernel\": \"4.8\"}},"
		"{\"names\": [\"mseal\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"includes\": {\"minKernel\": \"6.10\"}}]}",
		&err);

	(void)state;
	assert_non_null(json);
	assert_int_equal(json_array_size(json_object_get(json, "architectures")), 2);
	assert_true(allows(json, "read"));
	assert_true(allows(json, "chroot"));
	assert_true(allows(json, "ptrace"));
	assert_false(allows(json, "mount"));
	assert_false(allows(json, "clone"));
	assert_false(allows(json, "set_tls"));
	assert_false(allows(json, "mseal"));
	json_decref(json);
}

static void test_broken_profiles(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{",
		"{}",
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [1]}",
		"{\"defaultAction\": \"x\", \"architectures\": [\"a\"], \"archMap\": [{}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_null(from_file(texts[i], &err));
		assert_non_null(strstr(error_text(&err), "seccomp profile"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_is_known),
		cmocka_unit_test(test_no_capability_is_misspelt),
		cmocka_unit_test(test_without_capabilities),
		cmocka_unit_test(test_capabilities_open_calls),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_profile_of_a_file),
		cmocka_unit_test(test_broken_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
