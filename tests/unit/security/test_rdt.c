/* SPDX-License-Identifier: Apache-2.0 */
/* A directory stands for resctrl; mkdirat and unlinkat are wrapped to do what its kernel side does:
 * fill a new group with files, and empty one that goes. */
#include "child.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/rdt.h"

int __real_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_mkdirat(int fd, const char *path, mode_t mode);
int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags);

static bool no_groups_left;

static void put(int fd, const char *path, const char *text)
{
	int file = openat(fd, path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(file >= 0);
	assert_int_equal(fd_write_all(file, text, strlen(text)), 0);
	(void)close(file);
}

int __wrap_mkdirat(int fd, const char *path, mode_t mode)
{
	int group;

	if (no_groups_left) {
		errno = ENOSPC;
		return -1;
	}
	if (__real_mkdirat(fd, path, mode) < 0)
		return -1;
	group = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(group, "tasks", "");
	put(group, "schemata", "");
	(void)__real_mkdirat(group, "mon_groups", 0755);
	(void)close(group);
	return 0;
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	int group = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (group >= 0 && (flags & AT_REMOVEDIR)) {
		(void)__real_unlinkat(group, "tasks", 0);
		(void)__real_unlinkat(group, "schemata", 0);
		(void)__wrap_unlinkat(group, "mon_groups/c1", AT_REMOVEDIR);
		(void)__real_unlinkat(group, "mon_groups", AT_REMOVEDIR);
	}
	(void)close_fd(group);
	return __real_unlinkat(fd, path, flags);
}

struct fixture {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->path, "/tmp/rdt-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(f->fd, "tasks", "");
	put(f->fd, "schemata", "    L3:0=fff;1=fff\n    MB:0=100;1=100\n");
	assert_int_equal(__real_mkdirat(f->fd, "mon_groups", 0755), 0);
	assert_int_equal(__real_mkdirat(f->fd, "info", 0755), 0);
	put(f->fd, "info/last_cmd_status", "ok\n");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	no_groups_left = false;
	(void)close(f->fd);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->path);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void assert_file(const struct fixture *f, const char *path, const char *text)
{
	_cleanup_free_ char *content = NULL;
	size_t len;

	assert_int_equal(file_read(f->fd, path, 4096, &content, &len), 0);
	assert_string_equal(content, text);
}

static bool exists(const struct fixture *f, const char *path)
{
	return faccessat(f->fd, path, F_OK, 0) == 0;
}

static void without_a_name_the_group_is_the_containers(void **state)
{
	struct oci_intel_rdt rdt = { .l3_cache_schema = "L3:0=f0;1=f",
				     .mem_bw_schema = "MB:0=20;1=70",
				     .schemata = STRV("L2:0=f", "L3:0=ff") };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made = false;

	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	assert_true(made);
	assert_file(f, "c1/tasks", "123");
	assert_file(f, "c1/schemata", "L3:0=f0;1=f\nMB:0=20;1=70\nL2:0=f\nL3:0=ff\n");
	assert_int_equal(rdt_remove_at(f->fd, &rdt, "c1", made, &err), 0);
	assert_false(exists(f, "c1"));
	assert_int_equal(rdt_remove_at(f->fd, &rdt, "c1", made, &err), 0); /* it has gone already */
}

static void a_named_group_is_made_and_stays(void **state)
{
	struct oci_intel_rdt rdt = { .clos_id = "gold", .schemata = STRV("L3:0=ff") };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made = true;

	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	assert_false(made);
	assert_file(f, "gold/schemata", "L3:0=ff\n");
	assert_int_equal(rdt_remove_at(f->fd, &rdt, "c1", made, &err), 0);
	assert_true(exists(f, "gold"));
}

static void a_group_without_schema_must_exist(void **state)
{
	struct oci_intel_rdt rdt = { .clos_id = "gold" };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	assert_refused(
		rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), &err,
		"linux.intelRdt.closID: group \"gold\" does not exist, and no schema is given to "
		"make it with");
	assert_false(exists(f, "gold"));
	assert_int_equal(mkdirat(f->fd, "gold", 0755), 0);
	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	assert_file(f, "gold/tasks", "123");
	assert_file(f, "gold/schemata", "");
}

static void the_default_group_is_a_slash(void **state)
{
	struct oci_intel_rdt rdt = { .clos_id = "/", .enable_monitoring = true };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	assert_file(f, "tasks", "123");
	assert_file(f, "mon_groups/c1/tasks", "123");
	assert_int_equal(rdt_remove_at(f->fd, &rdt, "c1", made, &err), 0);
	assert_false(exists(f, "mon_groups/c1"));
	assert_true(exists(f, "schemata"));
}

static void a_group_that_is_there_must_agree(void **state)
{
	struct oci_intel_rdt rdt = { .clos_id = "gold",
				     .l3_cache_schema = "L3:1=00f;0=F0",
				     .mem_bw_schema = "MB:0=20" };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	assert_int_equal(mkdirat(f->fd, "gold", 0755), 0);
	put(f->fd, "gold/schemata", "    MB:0= 20;1=100\n    L3:0=0f0;1=00f\n");
	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	put(f->fd, "gold/schemata", "    MB:0= 20;1=100\n    L3:0=0f0;1=00e\n");
	assert_refused(rdt_apply_at(f->fd, &rdt, "c1", 124, &made, &err), &err,
		       "linux.intelRdt.l3CacheSchema: group \"gold\" exists with another schema");
	put(f->fd, "gold/schemata", "    MB:0= 30;1=100\n    L3:0=0f0;1=00f\n");
	assert_refused(rdt_apply_at(f->fd, &rdt, "c1", 124, &made, &err), &err,
		       "linux.intelRdt.memBwSchema: group \"gold\" exists with another schema");
	assert_file(f, "gold/tasks", "123");
}

static void monitoring_goes_with_its_group(void **state)
{
	struct oci_intel_rdt rdt = { .schemata = STRV("L3:0=f"), .enable_monitoring = true };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), 0);
	assert_file(f, "c1/mon_groups/c1/tasks", "123");
	assert_int_equal(rdt_remove_at(f->fd, &rdt, "c1", made, &err), 0);
	assert_false(exists(f, "c1"));
}

static void a_failure_leaves_no_group(void **state)
{
	struct oci_intel_rdt rdt = { .schemata = STRV("L3:0=f"), .enable_monitoring = true };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	no_groups_left = true;
	assert_refused(
		rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), &err,
		"linux.intelRdt.closID: the processor has no class of service left for group "
		"\"c1\"");
	no_groups_left = false;
	assert_int_equal(unlinkat(f->fd, "mon_groups", AT_REMOVEDIR), 0);
	rdt.clos_id = "/";
	rdt.schemata.len = 0;
	assert_refused(rdt_apply_at(f->fd, &rdt, "c1", 123, &made, &err), &err,
		       "linux.intelRdt.enableMonitoring: this host's resctrl has no monitoring");
}

static void bad_values_are_refused_by_path(void **state)
{
	static char *const names[] = { ".",    "..",         "a/b",      "/x",
				       "info", "mon_groups", "mon_data", "a\nb" };
	struct oci_intel_rdt rdt = { .mem_bw_schema = "L3:0=1" };
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	bool made;

	assert_refused(rdt_check(&rdt, &err), &err,
		       "linux.intelRdt.memBwSchema: must start with \"MB:\"");
	rdt.mem_bw_schema = "MB:0=1\nL3:0=1";
	assert_refused(rdt_check(&rdt, &err), &err, "linux.intelRdt.memBwSchema: must be one line");
	rdt.mem_bw_schema = NULL;
	rdt.schemata = STRV("L3:0=1", "L3:0=1\n");
	assert_refused(rdt_check(&rdt, &err), &err, "linux.intelRdt.schemata[1]: must be one line");
	rdt.schemata.len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		rdt.clos_id = names[i];
		assert_int_equal(rdt_apply_at(f->fd, &rdt, "c1", 1, &made, &err), -EINVAL);
		assert_non_null(strstr(error_text(&err), "linux.intelRdt.closID: "));
		error_done(&err);
	}
	rdt.clos_id = NULL;
	assert_int_equal(rdt_apply_at(f->fd, &rdt, "info", 1, &made, &err), -EINVAL);
	error_done(&err);
}

static void a_host_without_resctrl_says_so(void **state)
{
	struct oci_intel_rdt rdt = { .clos_id = "/" };
	const bool mounted = access("/sys/fs/resctrl/schemata", F_OK) == 0;
	struct error err = ERROR_INIT;
	bool made;

	(void)state;
	if (!mounted)
		assert_refused(rdt_apply(&rdt, "c1", getpid(), &made, &err), &err,
			       "linux.intelRdt: no resctrl file system is mounted on this host");
	assert_int_equal(rdt_remove(&rdt, "c1", false, &err), 0);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(without_a_name_the_group_is_the_containers),
		WITH_ROOT(a_named_group_is_made_and_stays),
		WITH_ROOT(a_group_without_schema_must_exist),
		WITH_ROOT(the_default_group_is_a_slash),
		WITH_ROOT(a_group_that_is_there_must_agree),
		WITH_ROOT(monitoring_goes_with_its_group),
		WITH_ROOT(a_failure_leaves_no_group),
		WITH_ROOT(bad_values_are_refused_by_path),
		cmocka_unit_test(a_host_without_resctrl_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
