/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from the host and from the spec, without touching a cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "container/cgroup/convert.h"
#include "container/cgroup/private.h"

static void finds_combined_named_and_v2_hierarchies(void **state)
{
	static const char self[] = "12:cpu,cpuacct:/a/b\n3:name=systemd:/init.scope\n0::/x:y\n";
	static const char mountinfo[] =
		"22 1 0:20 / / rw - ext4 /dev/sda rw\n"
		"30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup "
		"rw,cpuacct,cpu\n"
		"31 22 0:27 / /mnt/with\\040blank rw - cgroup none rw,xattr,name=systemd\n"
		"32 22 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		"33 22 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
	struct hierarchy *h = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(hierarchies_parse_self(self, &h, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(h[0].controllers, CONTROLLER_CPU | CONTROLLER_CPUACCT);
	assert_string_equal(h[0].own, "/a/b");
	assert_string_equal(h[1].name, "systemd");
	assert_int_equal(h[1].controllers, 0);
	assert_true(h[2].v2);
	assert_string_equal(h[2].own, "/x:y");
	assert_int_equal(hierarchies_parse_mountinfo(mountinfo, h, n), 0);
	assert_string_equal(h[0].mountpoint, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(h[1].mountpoint, "/mnt/with blank");
	assert_string_equal(h[2].mountpoint, "/sys/fs/cgroup/unified");
	hierarchies_free(h, n);
}

static void leaves_unmounted_hierarchies_alone(void **state)
{
	struct hierarchy *h = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(hierarchies_parse_self("4:memory:/\n2:pids:/\n", &h, &n), 0);
	assert_int_equal(hierarchies_parse_mountinfo(
				 "30 22 0:26 / /cg/memory rw - cgroup cgroup rw,memory", h, n),
			 0);
	assert_string_equal(h[0].mountpoint, "/cg/memory");
	assert_null(h[1].mountpoint);
	hierarchies_free(h, n);
}

static void refuses_nonsense(void **state)
{
	struct hierarchy *h = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(hierarchies_parse_self("nonsense\n", &h, &n), -EINVAL);
	assert_int_equal(hierarchies_parse_self("1:cpu", &h, &n), -EINVAL);
	assert_int_equal(hierarchies_parse_self("0::/\n", &h, &n), 0);
	assert_int_equal(hierarchies_parse_mountinfo("1 - cgroup2 \n", h, n), -EINVAL);
	hierarchies_free(h, n);
}

/* /proc/self/mountinfo of a host with many containers. */
static void finds_the_needle_in_many_mounts(void **state)
{
	enum { LINES = 20000 };
	struct hierarchy *h = NULL;
	size_t n = 0, room = (size_t)LINES * 64 + 128, len = 0;
	char *text = malloc(room);

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < LINES; i++)
		len += (size_t)snprintf(text + len, room - len,
					"%d 1 0:9 / /m/%d rw - overlay o rw\n", i, i);
	snprintf(text + len, room - len, "7 1 0:8 / /cg rw - cgroup2 c rw\n");
	assert_int_equal(hierarchies_parse_self("0::/\n", &h, &n), 0);
	assert_int_equal(hierarchies_parse_mountinfo(text, h, n), 0);
	assert_string_equal(h[0].mountpoint, "/cg");
	hierarchies_free(h, n);
	free(text);
}

static void shares_keep_their_meaning_as_weight(void **state)
{
	uint64_t last = 0;

	(void)state;
	assert_int_equal(convert_shares_to_weight(0), 0);
	assert_int_equal(convert_shares_to_weight(2), 1);
	assert_int_equal(convert_shares_to_weight(1024), 100);
	assert_int_equal(convert_shares_to_weight(262144), 10000);
	assert_int_equal(convert_shares_to_weight(UINT64_MAX), 10000);
	for (uint64_t shares = 2; shares <= 262144; shares++) {
		uint64_t weight = convert_shares_to_weight(shares);

		assert_true(weight >= last && weight >= 1 && weight <= 10000);
		last = weight;
	}
}

static void blkio_weight_spans_the_range(void **state)
{
	(void)state;
	assert_int_equal(convert_blkio_weight(0), 0);
	assert_int_equal(convert_blkio_weight(10), 1);
	assert_int_equal(convert_blkio_weight(1000), 10000);
	assert_in_range(convert_blkio_weight(500), 4900, 5100);
}

static void swap_is_what_exceeds_memory(void **state)
{
	int64_t swap = 0;

	(void)state;
	assert_int_equal(convert_swap(300, 100, &swap), 0);
	assert_int_equal(swap, 200);
	assert_int_equal(convert_swap(100, 100, &swap), 0);
	assert_int_equal(swap, 0);
	assert_int_equal(convert_swap(-1, 100, &swap), 0);
	assert_int_equal(swap, -1);
	assert_int_equal(convert_swap(0, 100, &swap), 0);
	assert_int_equal(swap, -2);
	assert_int_equal(convert_swap(0, -1, &swap), 0);
	assert_int_equal(swap, -1);
	assert_int_equal(convert_swap(99, 100, &swap), -EINVAL);
	assert_int_equal(convert_swap(99, 0, &swap), -EINVAL);
}

static void expect_scope(const char *path, bool user, const char *slice, const char *scope)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *got_slice = NULL, *got_scope = NULL;
	int r = scope_parse(path, "box", user, &got_slice, &got_scope, &err);

	if (!scope) {
		assert_true(r < 0);
		assert_non_null(strstr(error_text(&err), "linux.cgroupsPath"));
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(got_slice, slice);
	assert_string_equal(got_scope, scope);
}

static void reads_slice_prefix_name(void **state)
{
	(void)state;
	expect_scope("system.slice:docker:abc", false, "system.slice", "docker-abc.scope");
	expect_scope("machine.slice:libpod:abc", true, "machine.slice", "libpod-abc.scope");
	expect_scope(":cri:abc", false, "system.slice", "cri-abc.scope");
	expect_scope("::abc", true, "user.slice", "abc.scope");
	expect_scope(NULL, false, "system.slice", "hcs-box.scope");
	expect_scope("/a/b", false, NULL, NULL);
	expect_scope("a:b", false, NULL, NULL);
	expect_scope("a:b:c:d", false, NULL, NULL);
	expect_scope("a:b:", false, NULL, NULL);
	expect_scope("a.slice:b:c d", false, NULL, NULL);
	expect_scope("a.slice:b:../c", false, NULL, NULL);
}

static void expands_slices(void **state)
{
	static const char *const bad[] = { "",         "a",          ".slice",    "-a.slice",
					   "a-.slice", "a--b.slice", "a/b.slice", "..slice/x" };
	char *path = NULL;

	(void)state;
	assert_int_equal(scope_expand_slice("a-b-c.slice", &path), 0);
	assert_string_equal(path, "/a.slice/a-b.slice/a-b-c.slice");
	free(path);
	assert_int_equal(scope_expand_slice("-.slice", &path), 0);
	assert_string_equal(path, "");
	free(path);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(scope_expand_slice(bad[i], &path), -EINVAL);
}

/* A host that has nothing: each demand is refused by its own name, and asking for nothing is fine.
 */
static void names_what_it_cannot_honour(void **state)
{
	struct oci_rdma_limit rdma = { .device = (char *)"mlx5_0" };
	struct oci_hugepage_limit huge = { .page_size = (char *)"2MB", .limit = 1 };
	struct key_value unified = { (char *)"memory.high", (char *)"1" };
	struct oci_memory memory = { .limit = { true, 1 << 20 } },
			  unlimited = { .limit = { true, -1 } };
	struct oci_cpu cpus = { .cpus = (char *)"0" }, quota = { .quota = { true, 1000 } };
	struct oci_network network = { .class_id = { true, 1 } };
	struct oci_block_io weight = { .weight = { true, 100 } }, none = { .weight = { true, 0 } };
	struct oci_device_rule rule = { .allow = false };
	const struct {
		struct oci_resources resources;
		const char *property;
	} cases[] = {
		{ { .memory = &memory }, "linux.resources.memory.limit" },
		{ { .cpu = &cpus }, "linux.resources.cpu.cpus" },
		{ { .cpu = &quota }, "linux.resources.cpu.quota" },
		{ { .pids_limit = { true, 5 } }, "linux.resources.pids.limit" },
		{ { .block_io = &weight }, "linux.resources.blockIO.weight" },
		{ { .hugepage_limits = { &huge, 1 } }, "linux.resources.hugepageLimits" },
		{ { .network = &network }, "linux.resources.network.classID" },
		{ { .rdma = { &rdma, 1 } }, "linux.resources.rdma" },
		{ { .unified = { &unified, 1 } }, "linux.resources.unified" },
		{ { .devices = { &rule, 1 } }, "linux.resources.devices" },
		{ { .memory = &unlimited }, NULL },
		{ { .pids_limit = { true, -1 } }, NULL },
		{ { .block_io = &none }, NULL },
		{ { .memory = NULL }, NULL },
	};
	struct cgroup bare = { .manager = CGROUP_CGROUPFS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		int r = cgroup_check_resources(&bare, &cases[i].resources, &err);

		assert_int_equal(r, cases[i].property ? -EOPNOTSUPP : 0);
		if (cases[i].property)
			assert_int_equal(strncmp(error_text(&err), cases[i].property,
						 strlen(cases[i].property)),
					 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_combined_named_and_v2_hierarchies),
		cmocka_unit_test(leaves_unmounted_hierarchies_alone),
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(finds_the_needle_in_many_mounts),
		cmocka_unit_test(shares_keep_their_meaning_as_weight),
		cmocka_unit_test(blkio_weight_spans_the_range),
		cmocka_unit_test(swap_is_what_exceeds_memory),
		cmocka_unit_test(reads_slice_prefix_name),
		cmocka_unit_test(expands_slices),
		cmocka_unit_test(names_what_it_cannot_honour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
