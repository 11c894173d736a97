/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups of this machine, whichever version each controller is on. Needs root and writable
 * cgroups; everything made is below a name of our own and removed.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "container/cgroup/private.h"
#include "container/cgroup/stats.h"

#define MIB ((int64_t)1 << 20)

static char prefix[64];

static struct cgroup *plan(const char *name, const struct oci_resources *res)
{
	_cleanup_error_ struct error failed = ERROR_INIT;
	struct cgroup *cg = NULL;
	struct cgroup_options options = { .manager = CGROUP_CGROUPFS, .id = "box" };
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", prefix, name);
	options.path = path;
	if (cgroup_plan(&options, res, &cg, &failed) < 0)
		fail_msg("%s", error_text(&failed));
	return cg;
}

#define CHECK(call)                                                                                \
	do {                                                                                       \
		_cleanup_error_ struct error check_err = ERROR_INIT;                               \
		struct error *err = &check_err;                                                    \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, error_text(err));                                \
	} while (0)

static struct cgroup *make(const char *name, const struct oci_resources *res)
{
	struct cgroup *cg = plan(name, res);

	CHECK(cgroup_create(cg, res, err));
	return cg;
}

/* Runs fn in a child that has joined the cgroup; the child ends with what fn returns. */
static pid_t spawn(struct cgroup *cg, const struct oci_resources *res, int (*fn)(void))
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int fd, ready[2], go[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	CHECK(cgroup_open_enter(cg, err));
	fd = cgroup_clone_fd(cg);
	if (fd >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error failed = ERROR_INIT;

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where a test fails */
		close(go[1]);
		if (read(go[0], &c, 1) != 1 || cgroup_enter(cg, &failed) < 0 ||
		    cgroup_enter_memory(cg, &failed) < 0) {
			fprintf(stderr, "%s\n", error_text(&failed));
			_exit(99);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(98);
		if (read(go[0], &c, 1) != 1)
			_exit(97);
		_exit(fn());
	}
	close(ready[1]);
	close(go[0]);
	CHECK(cgroup_attach(cg, pid, res, err));
	assert_int_equal(write(go[1], "1", 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	CHECK(cgroup_finish(cg, res, err));
	assert_int_equal(write(go[1], "2", 1), 1);
	close(go[1]);
	close(ready[0]);
	return pid;
}

static int sleep_for_ever(void)
{
	while (pause() < 0)
		;
	return 0;
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect_gone(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		assert_int_equal(access(cg->h[i].dir, F_OK), -1);
}

static void expect_text(struct cgroup *cg, unsigned controller, const char *v1, const char *v2,
			const char *want_v1, const char *want_v2)
{
	struct hierarchy *h = cgroup_find(cg, controller);
	char buf[256] = "";

	assert_non_null(h);
	assert_true(hierarchy_read(h, h->v2 ? v2 : v1, buf, sizeof(buf)) >= 0);
	assert_string_equal(buf, h->v2 ? want_v2 : want_v1);
}

/* Whether a process is in the container's directory of every hierarchy. */
static bool is_in(struct cgroup *cg, pid_t pid)
{
	for (size_t i = 0; i < cg->n; i++) {
		struct pid_list list = { 0 };
		bool found = false;

		assert_int_equal(pid_list_add_tree(&list, AT_FDCWD, cg->h[i].dir), 0);
		for (size_t k = 0; k < list.len; k++)
			found |= list.items[k] == pid;
		free(list.items);
		if (!found)
			return false;
	}
	return true;
}

static void a_process_joins_all_and_leaves_nothing(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("a b/ü/box", &res);
	pid_t pid = spawn(cg, &res, sleep_for_ever);
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	(void)state;
	assert_true(cg->n > 0);
	assert_true(is_in(cg, pid));
	CHECK(cgroup_pids(cg, &pids, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	CHECK(cgroup_signal_all(cg, SIGKILL, err));
	assert_int_equal(status_of(pid), 128 + SIGKILL);
	CHECK(cgroup_destroy(cg, 1000, err));
	expect_gone(cg);
	CHECK(cgroup_destroy(cg, 1000, err)); /* absent ones are no error */
}

static void what_is_loaded_is_what_was_made(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("load", &res), *again = NULL, *gone = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	pid_t pid = spawn(cg, &res, sleep_for_ever), second;

	(void)state;
	CHECK(cgroup_load(CGROUP_CGROUPFS, cgroup_path(cg), NULL, NULL, &again, err));
	assert_string_equal(cgroup_freezer_dir(again), cgroup_freezer_dir(cg));
	CHECK(cgroup_follow(again, pid, err));
	second = spawn(again, &res, sleep_for_ever);
	assert_true(is_in(cg, second));
	CHECK(cgroup_signal_all(again, SIGTERM, err));
	assert_int_equal(status_of(pid), 128 + SIGTERM);
	assert_int_equal(status_of(second), 128 + SIGTERM);
	CHECK(cgroup_destroy(again, 1000, err));
	expect_gone(cg);
	CHECK(cgroup_load(CGROUP_CGROUPFS, cgroup_path(cg), NULL, NULL, &gone, err));
	if (!cg->unified) {
		assert_int_equal(cgroup_open_enter(gone, &error), -ENOENT);
		assert_non_null(strstr(error_text(&error), "gone"));
	}
	assert_int_equal(cgroup_clone_fd(gone), -1);
}

static void exec_follows_init_into_its_own_cgroup(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("follow", &res), *again = NULL;
	struct hierarchy *v2 = cgroup_find_v2(cg);
	pid_t pid = spawn(cg, &res, sleep_for_ever), second;
	char text[32];

	(void)state;
	if (!v2)
		return; /* nothing of the kind on v1 */
	assert_int_equal(mkdirat(hierarchy_dir(v2), "init.scope", 0755), 0);
	snprintf(text, sizeof(text), "%d", pid);
	assert_int_equal(
		file_write(hierarchy_dir(v2), "init.scope/cgroup.procs", text, strlen(text)), 0);
	CHECK(cgroup_load(CGROUP_CGROUPFS, cgroup_path(cg), NULL, NULL, &again, err));
	CHECK(cgroup_follow(again, pid, err));
	assert_non_null(strstr(cgroup_find_v2(again)->dir, "/init.scope"));
	second = spawn(again, &res, sleep_for_ever);
	assert_true(is_in(cg, second));
	CHECK(cgroup_signal_all(cg, SIGKILL, err));
	(void)status_of(pid);
	(void)status_of(second);
	CHECK(cgroup_destroy(cg, 1000, err));
	expect_gone(cg);
}

static void a_used_cgroup_is_refused_an_empty_one_taken(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("busy", &res), *empty = make("busy", &res);
	_cleanup_cgroup_ struct cgroup *second = plan("busy", &res);
	_cleanup_error_ struct error failed = ERROR_INIT;
	pid_t pid = spawn(cg, &res, sleep_for_ever);

	(void)state;
	assert_non_null(empty);
	assert_int_equal(cgroup_create(second, &res, &failed), -EBUSY);
	assert_non_null(strstr(error_text(&failed), prefix));
	assert_true(is_in(cg, pid)); /* and is left as it was */
	kill(pid, SIGKILL);
	(void)status_of(pid);
	CHECK(cgroup_destroy(cg, 1000, err));
}

static void limits_are_set_and_changed(void **state)
{
	struct oci_memory memory = { .limit = { true, 64 * MIB },
				     .swap = { true, 128 * MIB },
				     .reservation = { true, 32 * MIB } };
	struct oci_memory more = { .limit = { true, 256 * MIB }, .swap = { true, 512 * MIB } };
	struct oci_memory less = { .limit = { true, 32 * MIB }, .swap = { true, 32 * MIB } };
	struct oci_memory lifted = { .limit = { true, -1 } };
	struct oci_cpu cpu = { .shares = { true, 1024 },
			       .quota = { true, 50000 },
			       .period = { true, 100000 },
			       .burst = { true, 10000 },
			       .cpus = (char *)"0",
			       .mems = (char *)"0" };
	struct oci_cpu slower = { .quota = { true, 5000 },
				  .period = { true, 10000 },
				  .burst = { true, 0 } };
	struct oci_resources res = { .memory = &memory, .cpu = &cpu, .pids_limit = { true, 20 } };
	struct oci_resources up = { .memory = &more, .cpu = &slower, .pids_limit = { true, -1 } };
	struct oci_resources down = { .memory = &less }, off = { .memory = &lifted };
	_cleanup_cgroup_ struct cgroup *cg = make("limits", &res);

	(void)state;
	CHECK(cgroup_finish(cg, &res, err));
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864",
		    "67108864");
	expect_text(cg, CONTROLLER_MEMORY, "memory.soft_limit_in_bytes", "memory.low", "33554432",
		    "33554432");
	expect_text(cg, CONTROLLER_CPU, "cpu.shares", "cpu.weight", "1024", "100");
	expect_text(cg, CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000");
	expect_text(cg, CONTROLLER_CPU, "cpu.cfs_burst_us", "cpu.max.burst", "10000", "10000");
	expect_text(cg, CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", "0", "0");
	expect_text(cg, CONTROLLER_PIDS, "pids.max", "pids.max", "20", "20");

	CHECK(cgroup_update(cg, &up, err));
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "268435456",
		    "268435456");
	expect_text(cg, CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "5000", "5000 10000");
	expect_text(cg, CONTROLLER_CPU, "cpu.shares", "cpu.weight", "1024", "100"); /* not given */
	expect_text(cg, CONTROLLER_PIDS, "pids.max", "pids.max", "max", "max");

	CHECK(cgroup_update(cg, &down, err));
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "33554432",
		    "33554432");
	CHECK(cgroup_update(cg, &off, err));
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max",
		    "9223372036854771712", "max");
	CHECK(cgroup_destroy(cg, 1000, err));
}

static void a_failed_update_changes_nothing(void **state)
{
	struct oci_memory memory = { .limit = { true, 64 * MIB } },
			  other = { .limit = { true, 99 * MIB } };
	struct oci_cpu bad = { .shares = { true, 512 }, .cpus = (char *)"99999" };
	struct oci_resources res = { .memory = &memory, .pids_limit = { true, 20 } };
	struct oci_resources wrong = { .memory = &other, .cpu = &bad };
	_cleanup_cgroup_ struct cgroup *cg = make("undo", &res);
	_cleanup_error_ struct error failed = ERROR_INIT;

	(void)state;
	assert_true(cgroup_update(cg, &wrong, &failed) < 0);
	assert_int_equal(strncmp(error_text(&failed), "linux.resources.cpu.cpus: ", 26), 0);
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864",
		    "67108864");
	expect_text(cg, CONTROLLER_CPU, "cpu.shares", "cpu.weight", "1024", "100");
	CHECK(cgroup_destroy(cg, 1000, err));
}

static void a_failed_create_leaves_nothing(void **state)
{
	struct oci_cpu bad = { .cpus = (char *)"99999" };
	struct oci_resources res = { .cpu = &bad };
	_cleanup_cgroup_ struct cgroup *cg = plan("fresh/below/box", &res);
	_cleanup_error_ struct error failed = ERROR_INIT;
	char path[512];

	(void)state;
	assert_true(cgroup_create(cg, &res, &failed) < 0);
	assert_int_equal(strncmp(error_text(&failed), "linux.resources.cpu.cpus: ", 26), 0);
	for (size_t i = 0; i < cg->n; i++) {
		snprintf(path, sizeof(path), "%s%s/fresh", cg->h[i].mountpoint, prefix);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static int touch_memory(void)
{
	size_t len = 64 << 20;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
	return 0;
}

static void an_oom_kill_is_told(void **state)
{
	struct oci_memory memory = { .limit = { true, 16 * MIB }, .swap = { true, 16 * MIB } };
	struct oci_resources res = { .memory = &memory };
	_cleanup_cgroup_ struct cgroup *cg = make("oom", &res);
	_cleanup_error_ struct error failed = ERROR_INIT;
	int fd = cgroup_oom_fd(cg, &failed);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct cgroup_stats stats = { 0 };
	uint64_t count = 0;
	bool gone = true;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	pid = spawn(cg, &res, touch_memory);
	assert_int_equal(status_of(pid), 128 + SIGKILL);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(cgroup_oom_drain(fd, &gone), cg->unified ? 1 : 2);
	assert_false(gone);
	CHECK(cgroup_oom_count(cg, &count, err));
	assert_int_equal(count, 1);
	CHECK(cgroup_read_stats(cg, &stats, err));
	assert_int_equal(stats.oom_kills, 1);
	assert_true(stats.memory.max > 8 * MIB);
	assert_int_equal(stats.memory.limit, 16 * MIB);
	cgroup_stats_done(&stats);
	CHECK(cgroup_destroy(cg, 1000, err));
	if (!cg->unified) { /* v2 tells nobody */
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		(void)cgroup_oom_drain(fd, &gone);
	}
	assert_int_equal(cgroup_oom_count(cg, &count, &failed), -ENOENT);
	close(fd);
}

static int do_nothing(void)
{
	return 7;
}

static void half_a_mebibyte_is_enough(void **state)
{
	struct oci_memory memory = { .limit = { true, 512 * 1024 } };
	struct oci_resources res = { .memory = &memory };
	_cleanup_cgroup_ struct cgroup *cg = make("tiny", &res);

	(void)state;
	assert_int_equal(status_of(spawn(cg, &res, do_nothing)), 7);
	expect_text(cg, CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "524288",
		    "524288");
	CHECK(cgroup_destroy(cg, 1000, err));
}

static int fork_many(void)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(sleep_for_ever());
		if (pid < 0)
			return sleep_for_ever();
	}
	return 1;
}

static void frozen_processes_stay_and_can_be_killed(void **state)
{
	struct oci_resources res = { .pids_limit = { true, 12 } };
	_cleanup_cgroup_ struct cgroup *cg = make("frozen", &res);
	pid_t pid = spawn(cg, &res, fork_many);
	struct cgroup_stats stats = { 0 };

	(void)state;
	assert_int_equal(cgroup_frozen(cg), 0);
	CHECK(cgroup_freeze(cg, err));
	assert_int_equal(cgroup_frozen(cg), 1);
	assert_int_equal(cgroup_frozen_at(cgroup_freezer_dir(cg)), 1);
	CHECK(cgroup_read_stats(cg, &stats, err));
	assert_true(stats.has_pids);
	assert_in_range(stats.pids_current, 1, 12);
	assert_int_equal(stats.pids_limit, 12);
	cgroup_stats_done(&stats);
	CHECK(cgroup_thaw(cg, err));
	assert_int_equal(cgroup_frozen(cg), 0);
	CHECK(cgroup_freeze(cg, err));
	CHECK(cgroup_signal_all(cg, SIGKILL, err));
	assert_int_equal(status_of(pid), 128 + SIGKILL);
	CHECK(cgroup_destroy(cg, 2000, err));
	expect_gone(cg);
	assert_int_equal(cgroup_frozen_at(cgroup_freezer_dir(cg)), 0);
}

static int burn(void)
{
	for (volatile unsigned i = 0; i < 300000000; i++)
		;
	return 0;
}

static void statistics_count(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("stats", &res);
	struct cgroup_stats stats = { 0 };

	(void)state;
	assert_int_equal(status_of(spawn(cg, &res, burn)), 0);
	CHECK(cgroup_read_stats(cg, &stats, err));
	assert_true(stats.has_cpu && stats.has_memory);
	assert_true(stats.cpu_total > 1000000);
	assert_true(stats.memory_raw_len > 10);
	cgroup_stats_done(&stats);
	CHECK(cgroup_destroy(cg, 1000, err));
}

static int open_devices(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null < 0)
		return 1;
	if (mknod("/dev/hcs-test-mem", S_IFCHR | 0600, makedev(1, 1)) < 0 && errno != EEXIST)
		return 2;
	fd = open("/dev/hcs-test-mem", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || errno != EPERM)
		return 3;
	fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	return fd >= 0 || errno == EPERM ? 10 + (fd >= 0) : 4;
}

static void devices_are_denied_and_allowed_again(void **state)
{
	struct oci_device_rule rules[] = {
		{ .allow = false, .access = (char *)"rwm" },
		{ .allow = true,
		  .type = (char *)"c",
		  .major = { true, 1 },
		  .minor = { true, 11 },
		  .access = (char *)"r" },
	};
	struct oci_resources deny = { .devices = { rules, 1 } }, kmsg = { .devices = { rules, 2 } };
	_cleanup_cgroup_ struct cgroup *cg = make("devices", &deny);

	(void)state;
	assert_int_equal(status_of(spawn(cg, &deny, open_devices)), 10);
	CHECK(cgroup_update(cg, &kmsg, err));
	assert_int_equal(status_of(spawn(cg, &deny, open_devices)), 11);
	CHECK(cgroup_update(cg, &deny, err));
	assert_int_equal(status_of(spawn(cg, &deny, open_devices)), 10);
	unlink("/dev/hcs-test-mem");
	CHECK(cgroup_destroy(cg, 1000, err));
}

/* The program of cgroup2 also where v1 has the controller. */
static void the_kernel_takes_the_device_program(void **state)
{
	struct oci_device_rule rules[] = {
		{ .allow = false, .access = (char *)"rwm" },
		{ .allow = true,
		  .type = (char *)"c",
		  .major = { true, 10 },
		  .access = (char *)"rw" },
		{ .allow = false,
		  .type = (char *)"c",
		  .major = { true, 10 },
		  .minor = { true, 200 },
		  .access = (char *)"w" },
	};
	struct oci_device_rule all[] = { { .allow = true } };
	struct oci_resources none = { 0 }, res = { .devices = { rules, 3 } },
			     open_all = { .devices = { all, 1 } };
	_cleanup_cgroup_ struct cgroup *cg = make("program", &none);
	struct target t = { .h = cgroup_find_v2(cg) },
		      again = { .h = t.h, .journal = journal_new() };

	(void)state;
	if (t.h) {
		CHECK(v2_devices(&t, &res, err));
		assert_int_equal(status_of(spawn(cg, &none, open_devices)), 10);
		/* Replaced, not added: all programs have to agree. */
		CHECK(v2_devices(&again, &open_all, err));
		assert_int_equal(status_of(spawn(cg, &none, open_devices)), 3);
	}
	unlink("/dev/hcs-test-mem");
	journal_free(again.journal);
	CHECK(cgroup_destroy(cg, 1000, err));
}

static void nested_cgroups_go_too(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("nest", &res);

	(void)state;
	for (size_t i = 0; i < cg->n; i++) {
		int fd = openat(hierarchy_dir(&cg->h[i]), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (int depth = 0; depth < 40; depth++) {
			int next;

			assert_int_equal(mkdirat(fd, "left", 0755), 0);
			assert_int_equal(mkdirat(fd, "right", 0755), 0);
			next = openat(fd, depth % 2 ? "left" : "right",
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			close(fd);
			fd = next;
		}
		close(fd);
	}
	CHECK(cgroup_destroy(cg, 1000, err));
	expect_gone(cg);
}

static void what_is_alive_is_named_when_it_cannot_be_removed(void **state)
{
	struct oci_resources res = { 0 };
	_cleanup_cgroup_ struct cgroup *cg = make("alive", &res);
	pid_t pid = spawn(cg, &res, sleep_for_ever);
	_cleanup_error_ struct error failed = ERROR_INIT;
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "pid %d", pid);
	assert_int_equal(cgroup_destroy(cg, 50, &failed), -EBUSY);
	assert_non_null(strstr(error_text(&failed), text));
	CHECK(cgroup_signal_all(cg, SIGKILL, err));
	/* Not reaped yet: a dead process does not hold its cgroup. */
	CHECK(cgroup_destroy(cg, 2000, err));
	expect_gone(cg);
	(void)status_of(pid);
}

static void parents_are_made_by_several_at_once(void **state)
{
	enum { MAKERS = 8 };
	pid_t pids[MAKERS];

	(void)state;
	for (int i = 0; i < MAKERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct oci_resources res = { 0 };

			for (int round = 0; round < 10; round++) {
				struct error failed = ERROR_INIT;
				struct cgroup *cg;
				char name[64];

				snprintf(name, sizeof(name), "race/deep%d/box%d", round, i);
				cg = plan(name, &res);
				if (cgroup_create(cg, &res, &failed) < 0 ||
				    cgroup_destroy(cg, 1000, &failed) < 0) {
					fprintf(stderr, "%s\n", error_text(&failed));
					_exit(1);
				}
				cgroup_free(cg);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < MAKERS; i++)
		assert_int_equal(status_of(pids[i]), 0);
}

static void bad_paths_are_refused(void **state)
{
	static const char *const bad[] = { "/a/../b", "..", "a/..", "/", "//." };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error failed = ERROR_INIT;
		struct cgroup_options options = { .manager = CGROUP_CGROUPFS,
						  .id = "box",
						  .path = bad[i] };
		struct cgroup *cg = NULL;

		assert_int_equal(cgroup_plan(&options, NULL, &cg, &failed), -EINVAL);
		assert_non_null(strstr(error_text(&failed), "linux.cgroupsPath"));
	}
}

static void unified_keys_are_honoured_or_named(void **state)
{
	struct key_value depth = { (char *)"cgroup.max.depth", (char *)"3" };
	struct key_value slash = { (char *)"../cgroup.max.depth", (char *)"3" };
	struct oci_resources none = { 0 }, res = { .unified = { &depth, 1 } },
			     bad = { .unified = { &slash, 1 } };
	_cleanup_cgroup_ struct cgroup *probe = plan("unified", &none), *cg = NULL, *refused = NULL;
	_cleanup_error_ struct error failed = ERROR_INIT;
	char buf[32];

	(void)state;
	if (!cgroup_find_v2(probe))
		return; /* the parse tests have the refusal */
	cg = make("unified", &res);
	assert_true(hierarchy_read(cgroup_find_v2(cg), "cgroup.max.depth", buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "3");
	CHECK(cgroup_destroy(cg, 1000, err));
	refused = plan("unified", &bad);
	assert_int_equal(cgroup_create(refused, &bad, &failed), -EINVAL);
	assert_non_null(
		strstr(error_text(&failed), "linux.resources.unified[\"../cgroup.max.depth\"]"));
	expect_gone(cg);
}

/* As loaded, so with what every hierarchy has. */
static struct cgroup *load_root(void)
{
	struct cgroup *cg = NULL;

	CHECK(cgroup_load(CGROUP_CGROUPFS, prefix, NULL, NULL, &cg, err));
	return cg;
}

static void hugepages_are_limited_where_the_controller_is(void **state)
{
	struct oci_hugepage_limit limit = { .page_size = (char *)"2MB", .limit = 4 * MIB };
	struct oci_hugepage_limit bad = { .page_size = (char *)"../2MB", .limit = 1 };
	struct oci_resources res = { .hugepage_limits = { &limit, 1 } };
	struct oci_resources wrong = { .hugepage_limits = { &bad, 1 } };
	_cleanup_cgroup_ struct cgroup *probe = load_root(), *cg = NULL, *refused = NULL;
	_cleanup_error_ struct error failed = ERROR_INIT;
	struct cgroup_stats stats = { 0 };

	(void)state;
	/* What it says where there is none is among the parse tests. */
	if (!cgroup_find(probe, CONTROLLER_HUGETLB) ||
	    access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) < 0)
		return;
	cg = make("huge", &res);
	expect_text(cg, CONTROLLER_HUGETLB, "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max",
		    "4194304", "4194304");
	assert_int_equal(status_of(spawn(cg, &res, do_nothing)), 7);
	CHECK(cgroup_read_stats(cg, &stats, err));
	assert_true(stats.hugetlb_len >= 1);
	cgroup_stats_done(&stats);
	CHECK(cgroup_destroy(cg, 1000, err));
	refused = plan("huge", &wrong);
	assert_int_equal(cgroup_create(refused, &wrong, &failed), -EINVAL);
	assert_non_null(strstr(error_text(&failed), "linux.resources.hugepageLimits[0].pageSize"));
}

/* v2 only: "no internal processes". */
static void a_parent_with_processes_is_named(void **state)
{
	struct oci_resources none = { 0 }, res = { .pids_limit = { true, 5 } };
	_cleanup_cgroup_ struct cgroup *parent = make("inner", &none), *cg = NULL;
	_cleanup_error_ struct error failed = ERROR_INIT;
	pid_t pid = spawn(parent, &none, sleep_for_ever);

	(void)state;
	if (parent->unified) {
		cg = plan("inner/box", &res);
		assert_int_equal(cgroup_create(cg, &res, &failed), -EBUSY);
		assert_int_equal(strncmp(error_text(&failed), "linux.resources.pids.limit: ", 28),
				 0);
		assert_non_null(strstr(error_text(&failed), "/inner"));
	}
	CHECK(cgroup_signal_all(parent, SIGKILL, err));
	(void)status_of(pid);
	CHECK(cgroup_destroy(parent, 1000, err));
}

/* v2 only: processes cannot be below a cgroup that is threaded. */
static void a_threaded_parent_is_named(void **state)
{
	_cleanup_cgroup_ struct cgroup *probe = load_root(), *cg = NULL;
	_cleanup_error_ struct error failed = ERROR_INIT;
	char path[128], dir[256];
	struct cgroup_options options = { .manager = CGROUP_CGROUPFS, .id = "box", .path = path };

	(void)state;
	if (!probe->unified)
		return;
	snprintf(path, sizeof(path), "%s-threads/box", prefix);
	snprintf(dir, sizeof(dir), "%s%s-threads", probe->h[0].mountpoint, prefix);
	assert_int_equal(mkdir(dir, 0755), 0);
	strcat(dir, "/cgroup.type");
	assert_int_equal(file_write(AT_FDCWD, dir, "threaded", 8), 0);
	CHECK(cgroup_plan(&options, NULL, &cg, err));
	if (cgroup_create(cg, NULL, &failed) == 0)
		assert_true(cgroup_attach(cg, getpid(), NULL, &failed) < 0);
	assert_non_null(strstr(error_text(&failed), "threaded"));
	CHECK(cgroup_destroy(cg, 1000, err));
	*strrchr(dir, '/') = 0;
	assert_int_equal(rmdir(dir), 0);
}

static int remove_prefix(void **state)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	struct error failed = ERROR_INIT;

	(void)state;
	if (cgroup_load(CGROUP_CGROUPFS, prefix, NULL, NULL, &cg, &failed) < 0 ||
	    cgroup_signal_all(cg, SIGKILL, &failed) < 0 || cgroup_destroy(cg, 2000, &failed) < 0) {
		fprintf(stderr, "%s\n", error_text(&failed));
		return -1;
	}
	return 0;
}

static int may_make_cgroups(void)
{
	_cleanup_error_ struct error failed = ERROR_INIT;
	_cleanup_cgroup_ struct cgroup *cg = plan("probe", NULL);
	int r = cg->n == 0 ? -1 : cgroup_create(cg, NULL, &failed);

	if (r < 0)
		fprintf(stderr, "%s\n", error_text(&failed));
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_joins_all_and_leaves_nothing),
		cmocka_unit_test(what_is_loaded_is_what_was_made),
		cmocka_unit_test(exec_follows_init_into_its_own_cgroup),
		cmocka_unit_test(a_used_cgroup_is_refused_an_empty_one_taken),
		cmocka_unit_test(limits_are_set_and_changed),
		cmocka_unit_test(a_failed_update_changes_nothing),
		cmocka_unit_test(a_failed_create_leaves_nothing),
		cmocka_unit_test(an_oom_kill_is_told),
		cmocka_unit_test(half_a_mebibyte_is_enough),
		cmocka_unit_test(frozen_processes_stay_and_can_be_killed),
		cmocka_unit_test(statistics_count),
		cmocka_unit_test(devices_are_denied_and_allowed_again),
		cmocka_unit_test(the_kernel_takes_the_device_program),
		cmocka_unit_test(nested_cgroups_go_too),
		cmocka_unit_test(what_is_alive_is_named_when_it_cannot_be_removed),
		cmocka_unit_test(parents_are_made_by_several_at_once),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(unified_keys_are_honoured_or_named),
		cmocka_unit_test(hugepages_are_limited_where_the_controller_is),
		cmocka_unit_test(a_parent_with_processes_is_named),
		cmocka_unit_test(a_threaded_parent_is_named),
	};

	snprintf(prefix, sizeof(prefix), "/hcs-test-%d", getpid());
	if (geteuid() != 0 || may_make_cgroups() < 0) {
		fprintf(stderr, "skipped: needs root and cgroups that can be written\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, remove_prefix);
}
