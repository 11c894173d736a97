/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of a VM: what it may cost on the host, what update may ask, how long its agent may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compute/hyperv/host_limits.h"
#include "compute/hyperv/request_time.h"
#include "compute/hyperv/vm_size.h"

#define MIB ((uint64_t)1 << 20)

static char path[] = "/tmp/hcs-limits-XXXXXX";

/* A spec with nothing but hooks of the guest; timeouts: seconds, 0 for none. */
static struct request_times times_of(enum oci_hook_kind kind, const int64_t *timeouts, size_t n)
{
	struct oci_hook hooks[4] = { 0 };
	struct oci_spec spec = { 0 };
	struct request_times times;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < n; i++)
		hooks[i].timeout = (struct opt_i64){ timeouts[i] != 0, timeouts[i] };
	spec.hooks[kind] = (struct oci_hook_list){ hooks, n };
	assert_int_equal(request_times_get(&spec, &times, &err), 0);
	return times;
}

static void hooks_in_the_guest_have_their_own_time(void **state)
{
	static const int64_t both[] = { 5, 7 }, one_without[] = { 5, 0 }, huge[] = { INT64_MAX, 5 };
	struct request_times times;

	(void)state;
	times = times_of(OCI_HOOK_CREATE_CONTAINER, both, 2);
	assert_int_equal(times.create, 72000);
	assert_int_equal(times.start, 60000);
	times = times_of(OCI_HOOK_START_CONTAINER, both, 2);
	assert_int_equal(times.create, 60000);
	assert_int_equal(times.start, 72000);
	times = times_of(OCI_HOOK_START_CONTAINER, one_without, 2);
	assert_int_equal(times.start, 0);
	times = times_of(OCI_HOOK_START_CONTAINER, huge, 2);
	assert_int_equal(times.start, 0);
	/* Those on the host are not waited for here. */
	times = times_of(OCI_HOOK_CREATE_RUNTIME, one_without, 2);
	assert_int_equal(times.create, 60000);
}

static void the_file_says_how_long(void **state)
{
	static const char text[] = "{\"hyperv\": {\"requestTimeout\": 3}}";
	struct request_times times;
	struct error err = ERROR_INIT;
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(request_times_get(NULL, &times, &err), 0);
	assert_int_equal(times.create, 3000);
	assert_int_equal(truncate(path, 0), 0);
	assert_true(request_times_get(NULL, &times, &err) < 0);
	assert_non_null(strstr(error_text(&err), path));
	error_done(&err);
}

static struct host_limits limits_of(int64_t memory, int64_t pids, const struct vm_settings *vm)
{
	struct oci_memory m = { .limit = { memory != 0, memory } };
	struct oci_resources res = { .memory = &m, .pids_limit = { pids != 0, pids } };
	struct oci_linux l = { .resources = &res };
	struct oci_spec spec = { .linux_ = &l };
	struct host_limits limits;

	host_limits_of(&spec, vm, &limits);
	return limits;
}

static void what_a_vm_may_cost(void **state)
{
	struct vm_settings vm = { .memory = 100 * MIB, .cpus = 2, .accelerator = VM_KVM };
	struct host_limits limits = limits_of(64 << 20, 10, &vm);

	(void)state;
	assert_int_equal(limits.memory.limit.value, 712 * MIB);
	assert_ptr_not_equal(limits.resources.memory, NULL);
	assert_int_equal(limits.resources.pids_limit.value, 258);
	vm.accelerator = VM_TCG;
	assert_int_equal(limits_of(64 << 20, 10, &vm).memory.limit.value, 1736 * MIB);
	/* Not limited, not bounded; one that joins has no VM in its cgroup. */
	limits = limits_of(-1, -1, &vm);
	assert_null(limits.resources.memory);
	assert_false(limits.resources.pids_limit.set);
	limits = limits_of(64 << 20, 10, NULL);
	assert_null(limits.resources.memory);
	assert_int_equal(limits.resources.pids_limit.value, 256);
}

static int update_of(int64_t memory, int64_t quota, uint64_t period)
{
	struct stored s = { .vm = { .memory = 128 * MIB, .cpus = 1 } };
	struct oci_memory m = { .limit = { memory != 0, memory } };
	struct oci_cpu cpu = { .quota = { quota != 0, quota }, .period = { period != 0, period } };
	struct oci_resources res = { .memory = &m, .cpu = &cpu };
	struct error err = ERROR_INIT;
	int r = vm_size_check(&s, &res, &err);

	error_done(&err);
	return r;
}

static void it_does_not_grow(void **state)
{
	int beyond = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? -EINVAL : 0;

	(void)state;
	assert_int_equal(update_of(128 << 20, 0, 0), 0);
	assert_int_equal(update_of((128 << 20) + 1, 0, 0), -EINVAL);
	assert_int_equal(update_of(INT64_MAX, 0, 0), -EINVAL);
	assert_int_equal(update_of(-1, -1, 0), 0);
	assert_int_equal(update_of(0, 100000, 0), 0);
	assert_int_equal(update_of(0, 100001, 0), beyond);
	assert_int_equal(update_of(0, 50001, 50000), beyond);
	assert_int_equal(update_of(0, INT64_MAX, UINT64_MAX), 0);
}

static int set_up(void **state)
{
	int fd = mkstemp(path);
	bool written = fd >= 0 && write(fd, "{}", 2) == 2;

	(void)state;
	return !written || close(fd) < 0 || setenv("HCS_CONFIG", path, 1) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hooks_in_the_guest_have_their_own_time),
		cmocka_unit_test(the_file_says_how_long),
		cmocka_unit_test(what_a_vm_may_cost),
		cmocka_unit_test(it_does_not_grow),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
