/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics under the keys that readers of `runc events` know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "runhcs/stats_json.h"

static json_t *convert_vm(const struct cgroup_stats *stats, const struct compute_vm_stats *vm)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_error_t where;
	json_t *root, *data;

	put_open(&out, NULL, '{');
	stats_json(&out, "data", stats, vm);
	put_close(&out, '}');
	assert_false(out.failed);
	root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &where);
	assert_non_null(root);
	data = json_incref(json_object_get(root, "data"));
	json_decref(root);
	assert_true(json_is_object(data));
	return data;
}

static json_t *convert(const struct cgroup_stats *stats)
{
	return convert_vm(stats, NULL);
}

/* The integer at a path such as "cpu.usage.total". */
static json_int_t integer_at(json_t *value, const char *path)
{
	char copy[128], *rest = copy, *key;

	assert_true(strlen(path) < sizeof(copy));
	strcpy(copy, path);
	while ((key = strsep(&rest, ".")))
		value = json_is_array(value) ? json_array_get(value, (size_t)(*key - '0'))
					     : json_object_get(value, key);
	if (!json_is_integer(value))
		fail_msg("%s is no integer", path);
	return json_integer_value(value);
}

static void counters_keep_their_places(void **state)
{
	uint64_t percpu[] = { 3, 4 };
	struct cgroup_stat_entry raw[] = { { "rss", 21 } };
	struct cgroup_io_entry bytes[] = { { 8, 1, 22, "Read" } },
			       ops[] = { { 8, 1, 23, "Write" } };
	struct cgroup_hugetlb_stat huge[] = { { "2MB", 24, 25, 26 } };
	const struct cgroup_stats stats = {
		.has_psi = true,
		.cpu_total = 1,
		.cpu_user = 2,
		.cpu_kernel = 5,
		.percpu = percpu,
		.percpu_len = 2,
		.periods = 6,
		.throttled_periods = 7,
		.throttled_time = 8,
		.memory = { .usage = 9, .max = 10, .failcnt = 11, .limit = 12 },
		.swap = { .usage = 13 },
		.kernel = { .usage = 14 },
		.kernel_tcp = { .usage = 15 },
		.memory_cache = 16,
		.memory_raw = raw,
		.memory_raw_len = 1,
		.pids_current = 17,
		.pids_limit = 18,
		.io_bytes = bytes,
		.io_bytes_len = 1,
		.io_ops = ops,
		.io_ops_len = 1,
		.hugetlb = huge,
		.hugetlb_len = 1,
		.cpu_some = { .total = 27 },
		.memory_full = { .total = 28 },
		.io_some = { .total = 29 },
	};
	static const struct {
		const char *path;
		json_int_t value;
	} expected[] = {
		{ "cpu.usage.total", 1 },
		{ "cpu.usage.user", 2 },
		{ "cpu.usage.kernel", 5 },
		{ "cpu.usage.percpu.1", 4 },
		{ "cpu.throttling.periods", 6 },
		{ "cpu.throttling.throttledPeriods", 7 },
		{ "cpu.throttling.throttledTime", 8 },
		{ "memory.usage.usage", 9 },
		{ "memory.usage.max", 10 },
		{ "memory.usage.failcnt", 11 },
		{ "memory.usage.limit", 12 },
		{ "memory.swap.usage", 13 },
		{ "memory.kernel.usage", 14 },
		{ "memory.kernelTCP.usage", 15 },
		{ "memory.cache", 16 },
		{ "memory.raw.rss", 21 },
		{ "pids.current", 17 },
		{ "pids.limit", 18 },
		{ "blkio.ioServiceBytesRecursive.0.value", 22 },
		{ "blkio.ioServiceBytesRecursive.0.major", 8 },
		{ "blkio.ioServicedRecursive.0.value", 23 },
		{ "hugetlb.2MB.usage", 24 },
		{ "hugetlb.2MB.max", 25 },
		{ "hugetlb.2MB.failcnt", 26 },
		{ "cpu.psi.some.total", 27 },
		{ "memory.psi.full.total", 28 },
		{ "blkio.psi.some.total", 29 },
	};
	json_t *data = convert(&stats);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(integer_at(data, expected[i].path), expected[i].value);
	json_decref(data);
}

static void nothing_counted_is_still_an_event(void **state)
{
	static const char *const sections[] = { "cpu",   "memory",  "pids",
						"blkio", "hugetlb", "intel_rdt" };
	const struct cgroup_stats stats = { 0 };
	json_t *data = convert(&stats);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		assert_true(json_is_object(json_object_get(data, sections[i])));
	assert_true(json_is_null(json_object_get(data, "network_interfaces")));
	assert_null(json_object_get(json_object_get(data, "cpu"), "psi"));
	assert_int_equal(integer_at(data, "memory.usage.limit"), 0);
	json_decref(data);
}

static void a_vm_is_told_apart_from_its_container(void **state)
{
	const struct cgroup_stats stats = { .cpu_total = 30, .memory = { .usage = 100 } };
	const struct compute_vm_stats vm = {
		.set = true, .memory_usage = 150, .cpu_total = 70, .guest_memory = 512
	};
	const struct compute_vm_stats less = { .set = true, .memory_usage = 1, .cpu_total = 2 };
	const struct compute_vm_stats none = { 0 };
	json_t *data = convert_vm(&stats, &vm);

	(void)state;
	assert_int_equal(integer_at(data, "memory.usage.usage"), 100);
	assert_int_equal(integer_at(data, "vm.memory.usage"), 150);
	assert_int_equal(integer_at(data, "vm.memory.guest"), 512);
	assert_int_equal(integer_at(data, "vm.cpu.total"), 70);
	assert_int_equal(integer_at(data, "vm.overhead.memory"), 50);
	assert_int_equal(integer_at(data, "vm.overhead.cpu"), 40);
	json_decref(data);
	/* Counted at two moments, the parts can be more than the whole. */
	data = convert_vm(&stats, &less);
	assert_int_equal(integer_at(data, "vm.overhead.memory"), 0);
	assert_int_equal(integer_at(data, "vm.overhead.cpu"), 0);
	json_decref(data);
	data = convert_vm(&stats, &none);
	assert_null(json_object_get(data, "vm"));
	json_decref(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_keep_their_places),
		cmocka_unit_test(a_vm_is_told_apart_from_its_container),
		cmocka_unit_test(nothing_counted_is_still_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
