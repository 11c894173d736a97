/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "vm/accelerator.h"
#include "vm/helper.h"
#include "vm/machine.h"

#define NOBODY 65534

static struct helper_spec shell(char **argv, const char *script)
{
	argv[0] = (char *)"sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)(uintptr_t)script;
	argv[3] = NULL;
	return (struct helper_spec){ .path = "/bin/sh", .package = "dash", .argv = argv };
}

static int wait_status(struct helper *helper)
{
	int status;

	assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
	helper->pid = 0;
	return status;
}

/* What it wrote to stderr, and its status. */
static int run(const struct helper_spec *spec, char *said, size_t size)
{
	_cleanup_helper_ struct helper helper = HELPER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct pollfd p = { .events = POLLIN };
	int status;
	ssize_t n;

	assert_int_equal(helper_start(spec, &helper, &err), 0);
	assert_int_equal(helper_confirm(&helper, spec, &err), 0);
	p.fd = helper.pidfd;
	assert_int_equal(poll(&p, 1, 10000), 1);
	status = wait_status(&helper);
	n = read(helper.errors, said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	return status;
}

static void test_program_that_is_not_there(void **state)
{
	struct helper_spec spec = { .path = "/usr/bin/qemu-system-nothing",
				    .package = "qemu-nothing" };
	_cleanup_helper_ struct helper helper = HELPER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	char *argv[] = { (char *)"x", NULL };

	(void)state;
	spec.argv = argv;
	assert_int_equal(helper_start(&spec, &helper, &err), 0);
	assert_int_equal(helper_confirm(&helper, &spec, &err), -ENOENT);
	assert_string_equal(error_text(&err), "/usr/bin/qemu-system-nothing is not there: hyperv "
					      "isolation needs Debian's package qemu-nothing");
	assert_int_equal(helper.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}

static void test_has_nothing(void **state)
{
	_cleanup_close_ int secret = open("/dev/zero", O_RDONLY);
	char *argv[4], said[512];
	struct helper_spec spec = shell(argv, "exec >&2; id -u; id -G; ls /proc/self/fd;"
					      "grep -E '^(CapBnd|CapPrm|NoNewPrivs|Seccomp):' "
					      "/proc/self/status; ulimit -c; ulimit -n;"
					      "tr '\\0' ' ' </proc/$$/environ");

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(secret >= 0);
	spec.uid = NOBODY;
	spec.nofile = 77;
	assert_int_equal(run(&spec, said, sizeof(said)), 0);
	/* 3: the directory that ls reads. */
	assert_string_equal(said, "65534\n65534\n0\n1\n2\n3\nCapPrm:\t0000000000000000\n"
				  "CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n0\n77\n"
				  "PATH=/usr/bin LC_ALL=C ");
}

/* Without rights it makes none for itself either: a user namespace would open much of the kernel. */
static void test_makes_no_namespaces(void **state)
{
	char *argv[4], said[512];
	struct helper_spec spec =
		shell(argv, "for kind in --user --map-root-user --mount --net; do "
			    "! unshare $kind true 2>/dev/null || echo $kind >&2; "
			    "done; exit 0");

	(void)state;
	if (geteuid() != 0)
		skip();
	spec.uid = NOBODY;
	assert_int_equal(run(&spec, said, sizeof(said)), 0);
	assert_string_equal(said, "");
}

static void test_passes_what_is_named(void **state)
{
	int pair[2];
	char *argv[4], said[64];
	struct helper_spec spec = shell(argv, "echo hello >&9");

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(dup2(pair[1], 9), 9);
	spec.fds = (int[]){ -1, 9 };
	spec.fds_len = 2;
	assert_int_equal(run(&spec, said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_int_equal(read(pair[0], said, sizeof(said)), 6);
	close(9);
	close(pair[0]);
	close(pair[1]);
}

static void test_is_killed(void **state)
{
	struct helper helper = HELPER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	char *argv[4];
	struct helper_spec spec = shell(argv, "while :; do sleep 100; done");

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(helper_start(&spec, &helper, &err), 0);
	helper_done(&helper);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_monitors(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_ptr_equal(machine_get("qemu", &err), &machine_qemu);
	assert_null(machine_get("kvm\n", &err));
	assert_string_equal(error_text(&err), "there is no monitor \"kvm\\x0a\" (there is qemu)");
}

/* Of a host nothing is known here but that there is a reason exactly when KVM is not used. */
static void test_accelerator(void **state)
{
	const char *reason = "unset";

	(void)state;
	assert_int_equal(accelerator_choose(&reason), reason ? VM_TCG : VM_KVM);
	if (access("/sys/module/kvm_intel", F_OK) < 0 && access("/sys/module/kvm_amd", F_OK) < 0)
		assert_non_null(reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program_that_is_not_there),
		cmocka_unit_test(test_has_nothing),
		cmocka_unit_test(test_makes_no_namespaces),
		cmocka_unit_test(test_passes_what_is_named),
		cmocka_unit_test(test_is_killed),
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_accelerator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
