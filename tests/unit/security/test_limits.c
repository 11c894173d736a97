/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <fcntl.h>
#include <linux/capability.h>

#include "base/fd.h"
#include "container/caps.h"
#include "container/limits.h"
#include "procfs.h"

static struct oci_rlimits list(struct oci_rlimit *items, size_t len)
{
	return (struct oci_rlimits){ .items = items, .len = len };
}

static void every_limit_has_a_name(void **state)
{
	static char *names[] = {
		"RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
		"RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
		"RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
		"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	};
	struct oci_rlimit items[16];
	struct oci_rlimits all = list(items, 16);
	struct error err = ERROR_INIT;
	struct rlimit_plan plan;
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < 16; i++)
		items[i] = (struct oci_rlimit){ .type = names[i], .hard = 7, .soft = 3 };
	assert_int_equal(rlimits_parse(&all, "process.rlimits", &plan, &err), 0);
	for (size_t i = 0; i < plan.len; i++)
		seen |= 1U << plan.resource[i];
	assert_int_equal(seen, 0xffff);
}

static void bad_limits_are_refused_by_path(void **state)
{
	struct oci_rlimit unknown[] = { { "RLIMIT_CPU", 1, 1 }, { "RLIMIT_X", 1, 1 } };
	struct oci_rlimit twice[] = { { "RLIMIT_CPU", 1, 1 }, { "RLIMIT_CPU", 2, 2 } };
	struct oci_rlimit above[] = { { "RLIMIT_CPU", 4, 5 } };
	struct oci_rlimits a = list(unknown, 2), b = list(twice, 2), c = list(above, 1);
	struct error err = ERROR_INIT;
	struct rlimit_plan plan = { .len = 0 };

	(void)state;
	assert_refused(rlimits_parse(&a, "process.rlimits", &plan, &err), &err,
		       "process.rlimits[1].type: unknown limit \"RLIMIT_X\"");
	assert_refused(rlimits_parse(&b, "process.rlimits", &plan, &err), &err,
		       "process.rlimits[1].type: RLIMIT_CPU is given twice");
	assert_refused(rlimits_parse(&c, "process.rlimits", &plan, &err), &err,
		       "process.rlimits[0].soft: 5 is above hard, 4");
}

static void limits_hold(void *arg)
{
	struct oci_rlimit items[] = { { "RLIMIT_NOFILE", 100, 50 }, { "RLIMIT_CORE", 0, 0 } };
	struct oci_rlimits all = list(items, 2);
	struct error err = ERROR_INIT;
	struct rlimit_plan plan;
	struct rlimit now;

	(void)arg;
	CHECK_OK(rlimits_parse(&all, "process.rlimits", &plan, &err), &err);
	CHECK_OK(rlimits_apply(&plan, &err), &err);
	CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 50 && now.rlim_max == 100);
	CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max == 0);
	CHECK(dup2(1, 60) < 0 && errno == EBADF);
}

static void drop_sys_resource(void)
{
	struct error err = ERROR_INIT;
	struct caps none = { 0 };

	CHECK_OK(caps_apply(&none, 0, &err), &err);
}

static void raising_says_what_it_needs(void *arg)
{
	const struct rlimit present = { .rlim_cur = 20000, .rlim_max = 20000 };
	struct oci_rlimit items[] = { { "RLIMIT_NOFILE", 1048576, 1024 } };
	struct oci_rlimits all = list(items, 1);
	struct error err = ERROR_INIT;
	struct rlimit_plan plan;

	(void)arg;
	CHECK(setrlimit(RLIMIT_NOFILE, &present) == 0);
	drop_sys_resource();
	CHECK_OK(rlimits_parse(&all, "process.rlimits", &plan, &err), &err);
	CHECK(rlimits_apply(&plan, &err) == -EPERM);
	CHECK(strcmp(error_text(&err),
		     "process.rlimits: RLIMIT_NOFILE hard limit 1048576 is above the present one "
		     "(20000): raising it needs CAP_SYS_RESOURCE") == 0);
}

static int oom_score_now(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	CHECK(file_read(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, &len) == 0);
	return atoi(text);
}

static void oom_score_is_set_and_read_first(void *arg)
{
	struct error err = ERROR_INIT;
	int proc_fd = procfs_open(), before = oom_score_now();

	(void)arg;
	CHECK(proc_fd >= 0);
	CHECK_OK(oom_score_adj_apply(proc_fd, 500, &err), &err);
	CHECK(oom_score_now() == 500);
	drop_sys_resource();
	CHECK_OK(oom_score_adj_apply(proc_fd, 500, &err),
		 &err); /* nothing to do: no right needed */
	CHECK_OK(oom_score_adj_apply(proc_fd, 600, &err), &err);
	CHECK(oom_score_now() == 600);
	CHECK(oom_score_adj_apply(proc_fd, -1000, &err) == -EACCES);
	CHECK(strcmp(error_text(&err),
		     "process.oomScoreAdj: -1000 is below the least value allowed "
		     "here: going lower needs CAP_SYS_RESOURCE") == 0);
	CHECK(before > -1000 && oom_score_now() == 600);
}

/* An image's own "/proc" is not written to: what is below proc_fd leads nowhere else. */
static void a_link_out_of_proc_is_not_followed(void *arg)
{
	struct error err = ERROR_INIT;
	char dir[] = "/tmp/limits-XXXXXX";
	int fd;

	(void)arg;
	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0 && symlinkat("/proc/self", fd, "self") == 0);
	CHECK(oom_score_adj_apply(fd, 700, &err) == -EXDEV);
	CHECK(oom_score_now() != 700);
	CHECK(unlinkat(fd, "self", 0) == 0 && rmdir(dir) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_limit_has_a_name),
		cmocka_unit_test(bad_limits_are_refused_by_path),
		IN_CHILD(limits_hold),
		IN_CHILD(raising_says_what_it_needs),
		IN_CHILD(oom_score_is_set_and_read_first),
		IN_CHILD(a_link_out_of_proc_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
