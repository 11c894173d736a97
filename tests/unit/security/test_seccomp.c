/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "container/seccomp.h"
#include "container/seccomp_cache.h"

#define SYSCALL(act, ...)                                                                          \
	{                                                                                          \
		.names = STRV(__VA_ARGS__), .action = (act)                                        \
	}
#define ERRNO_RET(n)                                                                               \
	{                                                                                          \
		.set = true, .value = (n)                                                          \
	}

static struct oci_seccomp profile(const char *action, struct oci_seccomp_syscall *rules, size_t len)
{
	return (struct oci_seccomp){
		.default_action = (char *)(uintptr_t)action,
		.syscalls = rules,
		.syscalls_len = len,
	};
}

/* Compiles and installs on the calling process, for good. */
static int install(const struct oci_seccomp *oci)
{
	struct error err = ERROR_INIT;
	struct seccomp_filter filter;
	int listener = -1;

	CHECK_OK(seccomp_compile(oci, -1, &filter, &err), &err);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK_OK(seccomp_install(&filter, &listener, &err), &err);
	CHECK(filter.notify == (listener >= 0));
	seccomp_filter_done(&filter);
	return listener;
}

static bool gives(long result, int code)
{
	return result == -1 && errno == code;
}

static void actions_and_errnos(void *arg)
{
	struct oci_seccomp_syscall rules[] = {
		SYSCALL("SCMP_ACT_ERRNO", "getppid", "no_such_call_at_all"),
		SYSCALL("SCMP_ACT_ERRNO", "getuid"),
		SYSCALL("SCMP_ACT_LOG", "getgid"),
		SYSCALL("SCMP_ACT_TRACE", "geteuid"), /* without a tracer: ENOSYS */
		SYSCALL("SCMP_ACT_ALLOW", "getegid"), /* the default again: left out */
	};
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, ARRAY_SIZE(rules));

	(void)arg;
	rules[1].errno_ret = (struct opt_u64)ERRNO_RET(77);
	(void)install(&oci);
	CHECK(gives(syscall(SYS_getppid), EPERM));
	CHECK(gives(syscall(SYS_getuid), 77));
	CHECK(syscall(SYS_getgid) >= 0);
	CHECK(gives(syscall(SYS_geteuid), ENOSYS));
	CHECK(syscall(SYS_getegid) >= 0);
}

static void operators(void *arg)
{
	static const struct {
		const char *op;
		uint64_t value, two;
		bool below, same, above; /* whether 99, 100 and 101 match */
	} cases[] = {
		{ "SCMP_CMP_NE", 100, 0, true, false, true },
		{ "SCMP_CMP_LT", 100, 0, true, false, false },
		{ "SCMP_CMP_LE", 100, 0, true, true, false },
		{ "SCMP_CMP_EQ", 100, 0, false, true, false },
		{ "SCMP_CMP_GE", 100, 0, false, true, true },
		{ "SCMP_CMP_GT", 100, 0, false, false, true },
		{ "SCMP_CMP_MASKED_EQ", 1, 1, true, false, true }, /* odd ones */
	};
	struct oci_seccomp_arg args[ARRAY_SIZE(cases)];
	struct oci_seccomp_syscall rules[ARRAY_SIZE(cases)];
	/* Each on a system call of its own, without harm whatever its first argument is. */
	static char *const calls[] = { "getpid", "getppid", "getuid", "geteuid",
				       "getgid", "getegid", "gettid" };
	static const long numbers[] = { SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid,
					SYS_getgid, SYS_getegid, SYS_gettid };
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, ARRAY_SIZE(rules));
	char *names[ARRAY_SIZE(cases)][2];

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		names[i][0] = calls[i];
		names[i][1] = NULL;
		args[i] = (struct oci_seccomp_arg){ .index = 3,
						    .value = cases[i].value,
						    .value_two = cases[i].two,
						    .op = (char *)(uintptr_t)cases[i].op };
		rules[i] = (struct oci_seccomp_syscall){
			.names = { .items = names[i], .len = 1 },
			.action = "SCMP_ACT_ERRNO",
			.args = &args[i],
			.args_len = 1,
		};
	}
	(void)install(&oci);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK(gives(syscall(numbers[i], 0, 0, 0, 99UL), EPERM) == cases[i].below);
		CHECK(gives(syscall(numbers[i], 0, 0, 0, 100UL), EPERM) == cases[i].same);
		CHECK(gives(syscall(numbers[i], 0, 0, 0, 101UL), EPERM) == cases[i].above);
	}
}

static void arguments_together(void *arg)
{
	struct oci_seccomp_arg both[] = {
		{ .index = 0, .value = 1, .op = "SCMP_CMP_EQ" },
		{ .index = 1, .value = UINT64_C(1) << 40, .op = "SCMP_CMP_EQ" },
	};
	struct oci_seccomp_arg either[] = {
		{ .index = 0, .value = 1, .op = "SCMP_CMP_EQ" },
		{ .index = 0, .value = 2, .op = "SCMP_CMP_EQ" },
	};
	struct oci_seccomp_syscall rules[] = {
		{ .names = STRV("getuid"),
		  .action = "SCMP_ACT_ERRNO",
		  .args = both,
		  .args_len = 2 },
		{ .names = STRV("getgid"),
		  .action = "SCMP_ACT_ERRNO",
		  .args = either,
		  .args_len = 2 },
	};
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, 2);

	(void)arg;
	(void)install(&oci);
	CHECK(gives(syscall(SYS_getuid, 1, 1UL << 40), EPERM));
	CHECK(syscall(SYS_getuid, 1, 0) >= 0 && syscall(SYS_getuid, 0, 1UL << 40) >= 0);
	CHECK(gives(syscall(SYS_getgid, 1), EPERM) && gives(syscall(SYS_getgid, 2), EPERM));
	CHECK(syscall(SYS_getgid, 3) >= 0);
}

static void kill_process_body(void *arg)
{
	struct oci_seccomp_syscall rules[] = { SYSCALL(arg, "getppid") };
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, 1);

	(void)install(&oci);
	(void)syscall(SYS_getppid);
}

static void killing_and_trapping(void **state)
{
	static char *const actions[] = { "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD",
					 "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		int status = child_status(kill_process_body, actions[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* What a C library needs to know whether it may fall back: ENOSYS for calls newer than the profile.
 */
static void newer_calls_do_not_exist(void *arg)
{
	struct oci_seccomp_syscall rules[] = {
		/* The last four: for a sanitizer, should one be compiled in. */
		SYSCALL("SCMP_ACT_ALLOW", "write", "exit_group", "getpid", "rseq", "sigaltstack",
			"mmap", "munmap", "madvise"),
		SYSCALL("SCMP_ACT_ERRNO", "clone3"),
	};
	struct oci_seccomp oci = profile("SCMP_ACT_ERRNO", rules, 2);

	(void)arg;
	oci.architectures = STRV("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
	(void)install(&oci);
	CHECK(syscall(SYS_getpid) > 0);
	CHECK(gives(syscall(SYS_getppid), EPERM)); /* old, and not allowed */
	CHECK(gives(syscall(SYS_clone3), EPERM));  /* the newest one named */
	CHECK(gives(syscall(SYS_clone3 + 1), ENOSYS));
	CHECK(gives(syscall(100000), ENOSYS));
#ifdef __x86_64__
	/* The other two ways in have numbers of their own. */
	CHECK(gives(syscall(0x40000000 + SYS_getppid), EPERM) || errno == ENOSYS);
	CHECK(gives(syscall(0x40000000 + 100000), ENOSYS));
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
	CHECK(result > 0);
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(64 /* getppid */) : "memory");
	CHECK(result == -EPERM);
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(100000) : "memory");
	CHECK(result == -ENOSYS);
#endif
}

static void killing_by_default_stays_killing(void **state)
{
	struct oci_seccomp_syscall rules[] = { SYSCALL("SCMP_ACT_ALLOW", "write", "clone3") };
	struct oci_seccomp oci = profile("SCMP_ACT_KILL_PROCESS", rules, 1);
	struct error err = ERROR_INIT;
	struct seccomp_profile p;
	struct sock_filter insns[SECCOMP_STUB_MAX(4)];

	(void)state;
	assert_int_equal(seccomp_profile_parse(&oci, &p, &err), 0);
	assert_int_equal(seccomp_enosys_stub(&p, insns), 0);
	seccomp_profile_done(&p);
	oci.default_action = "SCMP_ACT_ERRNO";
	oci.default_errno_ret = (struct opt_u64)ERRNO_RET(ENOSYS); /* says it already */
	assert_int_equal(seccomp_profile_parse(&oci, &p, &err), 0);
	assert_int_equal(seccomp_enosys_stub(&p, insns), 0);
	seccomp_profile_done(&p);
	oci.default_errno_ret = (struct opt_u64)ERRNO_RET(EPERM);
	assert_int_equal(seccomp_profile_parse(&oci, &p, &err), 0);
	assert_true(seccomp_enosys_stub(&p, insns) > 0);
	seccomp_profile_done(&p);
}

/* Two processes: the one that is watched, and the one that answers for the kernel. */
static void a_listener_answers(void *arg)
{
	struct oci_seccomp_syscall rules[] = { SYSCALL("SCMP_ACT_NOTIFY", "getppid") };
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, 1);
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp response = { 0 };
	int listener, status;
	pid_t child;

	(void)arg;
	oci.listener_path = "/run/agent.sock";
	oci.flags = STRV("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC");
	listener = install(&oci);
	CHECK(listener >= 0 && (fcntl(listener, F_GETFD) & FD_CLOEXEC));
	child = fork();
	if (child == 0)
		_exit(syscall(SYS_getppid) == 4711 ? 0 : 1);
	CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0);
	CHECK(request.data.nr == SYS_getppid);
	response = (struct seccomp_notif_resp){ .id = request.id, .val = 4711 };
	CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void flags_reach_the_kernel(void *arg)
{
	struct oci_seccomp_syscall rules[] = { SYSCALL("SCMP_ACT_ERRNO", "getppid") };
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, 1);
	struct error err = ERROR_INIT;
	struct seccomp_filter filter;

	(void)arg;
	oci.flags = STRV("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
			 "SECCOMP_FILTER_FLAG_TSYNC");
	CHECK_OK(seccomp_compile(&oci, -1, &filter, &err), &err);
	CHECK(filter.flags == 7 && !filter.notify);
	seccomp_filter_done(&filter);
	(void)install(&oci);
	CHECK(gives(syscall(SYS_getppid), EPERM));
}

static void loading_without_the_right_says_so(void *arg)
{
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", NULL, 0);
	struct error err = ERROR_INIT;
	struct seccomp_filter filter;
	int listener;

	(void)arg;
	CHECK_OK(seccomp_compile(&oci, -1, &filter, &err), &err);
	CHECK(setresuid(1000, 1000, 1000) == 0);
	CHECK(seccomp_install(&filter, &listener, &err) == -EACCES);
	CHECK(strcmp(error_text(&err),
		     "linux.seccomp: loading a filter needs process.noNewPrivileges "
		     "or CAP_SYS_ADMIN") == 0);
}

static void refuse(const struct oci_seccomp *oci, const char *text)
{
	struct error err = ERROR_INIT;
	struct seccomp_filter filter;

	assert_refused(seccomp_compile(oci, -1, &filter, &err), &err, text);
}

static void bad_profiles_are_refused_by_path(void **state)
{
	struct oci_seccomp_arg args[] = { { .index = 6, .op = "SCMP_CMP_EQ" } };
	struct oci_seccomp_syscall rule = SYSCALL("SCMP_ACT_ERRNO", "getpid");
	struct oci_seccomp oci = profile("SCMP_ACT_X", NULL, 0);

	(void)state;
	refuse(&oci, "linux.seccomp.defaultAction: unknown action \"SCMP_ACT_X\"");
	oci.default_action = "SCMP_ACT_NOTIFY";
	refuse(&oci, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default action");
	oci.default_action = "SCMP_ACT_ALLOW";
	oci.default_errno_ret = (struct opt_u64)ERRNO_RET(1);
	refuse(&oci, "linux.seccomp.defaultErrnoRet: this action takes no errno (SCMP_ACT_ALLOW)");
	oci.default_errno_ret.set = false;
	oci.architectures = STRV("SCMP_ARCH_X86_64", "SCMP_ARCH_VAX");
	refuse(&oci, "linux.seccomp.architectures[1]: unknown architecture \"SCMP_ARCH_VAX\"");
	oci.architectures = STRV("SCMP_ARCH_x86");
	refuse(&oci, "linux.seccomp.architectures[0]: unknown architecture \"SCMP_ARCH_x86\"");
	oci.architectures = STRV("SCMP_ARCH_S390X");
	refuse(&oci,
	       "linux.seccomp.architectures: one of the other byte order than this host's cannot "
	       "run here");
	oci.architectures.len = 0;
	oci.flags = STRV("SECCOMP_FILTER_FLAG_X");
	refuse(&oci, "linux.seccomp.flags[0]: unknown flag \"SECCOMP_FILTER_FLAG_X\"");
	oci.flags = STRV("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	refuse(&oci,
	       "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with "
	       "SCMP_ACT_NOTIFY");
	oci.flags.len = 0;
	oci.listener_metadata = "data";
	refuse(&oci, "linux.seccomp.listenerMetadata: there is no listenerPath");
	oci.listener_metadata = NULL;
	oci.syscalls = &rule;
	oci.syscalls_len = 1;
	rule.errno_ret = (struct opt_u64)ERRNO_RET(4096);
	refuse(&oci, "linux.seccomp.syscalls[0].errnoRet: too great a number (SCMP_ACT_ERRNO)");
	rule.errno_ret.set = false;
	rule.args = args;
	rule.args_len = 1;
	refuse(&oci, "linux.seccomp.syscalls[0].args[0].index: 6 is above 5");
	args[0] = (struct oci_seccomp_arg){ .op = "SCMP_CMP_X" };
	refuse(&oci, "linux.seccomp.syscalls[0].args[0].op: unknown operator \"SCMP_CMP_X\"");
	args[0] = (struct oci_seccomp_arg){ .op = "SCMP_CMP_EQ", .value_two = 1 };
	refuse(&oci, "linux.seccomp.syscalls[0].args[0].valueTwo: only SCMP_CMP_MASKED_EQ has one");
	rule.args_len = 0;
	rule.action = "SCMP_ACT_NOTIFY";
	refuse(&oci, "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY needs "
		     "linux.seccomp.listenerPath");
	oci.listener_path = "/run/agent.sock";
	rule.names = STRV("getpid", "write");
	refuse(&oci, "linux.seccomp.syscalls[0].names[1]: write cannot have SCMP_ACT_NOTIFY: the "
		     "listener is announced by it");
	rule.names.len = 0;
	refuse(&oci, "linux.seccomp.syscalls[0].names: must name at least one");
}

/* As libseccomp, and so runc and crun, have it. */
static void of_two_rules_for_all_arguments_the_first_counts(void *arg)
{
	struct oci_seccomp_syscall rules[] = { SYSCALL("SCMP_ACT_ERRNO", "getppid"),
					       SYSCALL("SCMP_ACT_ERRNO", "getppid", "getppid"),
					       SYSCALL("SCMP_ACT_KILL", "getppid") };
	struct oci_seccomp oci = profile("SCMP_ACT_ALLOW", rules, 3);

	(void)arg;
	(void)install(&oci);
	CHECK(gives(syscall(SYS_getppid), EPERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_CHILD(actions_and_errnos),
		IN_CHILD(operators),
		IN_CHILD(arguments_together),
		cmocka_unit_test(killing_and_trapping),
		IN_CHILD(newer_calls_do_not_exist),
		cmocka_unit_test(killing_by_default_stays_killing),
		IN_CHILD(a_listener_answers),
		IN_CHILD(flags_reach_the_kernel),
		IN_CHILD(loading_without_the_right_says_so),
		cmocka_unit_test(bad_profiles_are_refused_by_path),
		IN_CHILD(of_two_rules_for_all_arguments_the_first_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
