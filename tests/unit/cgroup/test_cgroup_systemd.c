/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd cgroup manager against a manager of our own on a private bus, since tests run where
 * systemd is not PID 1: what the runtime asks for is dumped to a file, what systemd would do to
 * cgroups is done in the hierarchies that systemd itself manages.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

#define MANAGER "org.freedesktop.systemd1.Manager"
#define OBJECT "/org/freedesktop/systemd1"
#define JOB OBJECT "/job/7"

static pid_t bus_pid, manager_pid;
static char log_path[64], scope_id[32];

/* --- the manager --- */

static int reply_with_job(sd_bus_message *m, const char *unit)
{
	sd_bus *bus = sd_bus_message_get_bus(m);
	const char *result = strstr(unit, "fails") ? "failed" : "done";
	/* The signal first: a client must not lose a job that ends at once. */
	int r = sd_bus_emit_signal(bus, OBJECT, MANAGER, "JobRemoved", "uoss", 7, JOB, unit,
				   result);

	return r < 0 ? r : sd_bus_reply_method_return(m, "o", JOB);
}

static void put_into_scope(const char *unit, uint32_t pid)
{
	struct hierarchy *h = NULL;
	struct error err = ERROR_INIT;
	bool unified;
	size_t n = 0;

	if (hierarchies_find(&h, &n, &unified, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		char path[512], text[16];

		if (!h[i].v2 && strcmp(h[i].name, "systemd") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/hcstest.slice", h[i].mountpoint);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/hcstest.slice/%s", h[i].mountpoint, unit);
		mkdir(path, 0755);
		strcat(path, "/cgroup.procs");
		snprintf(text, sizeof(text), "%u", pid);
		(void)file_write(AT_FDCWD, path, text, strlen(text));
	}
	hierarchies_free(h, n);
}

static uint32_t find_pid(sd_bus_message *m)
{
	const char *unit, *mode, *name;
	uint32_t pid = 0;

	sd_bus_message_read(m, "ss", &unit, &mode);
	sd_bus_message_enter_container(m, 'a', "(sv)");
	while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
		sd_bus_message_read(m, "s", &name);
		if (strcmp(name, "PIDs") == 0)
			sd_bus_message_read(m, "v", "au", 1, &pid);
		else
			sd_bus_message_skip(m, "v");
		sd_bus_message_exit_container(m);
	}
	return pid;
}

static int on_call(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *member = sd_bus_message_get_member(m), *unit = NULL;
	FILE *log = fopen(log_path, "ae");

	(void)data;
	(void)error;
	if (log) {
		fprintf(log, "Member=%s\n", member);
		sd_bus_message_dump(m, log, 0);
		fclose(log);
	}
	sd_bus_message_rewind(m, 1);
	if (strcmp(member, "StartTransientUnit") == 0) {
		uint32_t pid = find_pid(m);
		char saved[128];

		sd_bus_message_rewind(m, 1);
		sd_bus_message_read(m, "s", &unit);
		snprintf(saved, sizeof(saved), "%s", unit);
		if (strstr(unit, "refused"))
			return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
							  "Unit is not wanted here.");
		put_into_scope(saved, pid);
		return reply_with_job(m, saved);
	}
	if (strcmp(member, "StopUnit") == 0) {
		sd_bus_message_read(m, "s", &unit);
		if (strstr(unit, "nosuch"))
			return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit",
							  "Unit %s not loaded.", unit);
		return reply_with_job(m, unit);
	}
	return sd_bus_reply_method_return(m, NULL);
}

static int manager(const char *address, int ready_fd)
{
	static const sd_bus_vtable vtable[] = {
		SD_BUS_VTABLE_START(0),
		SD_BUS_METHOD("Subscribe", NULL, NULL, on_call, SD_BUS_VTABLE_UNPRIVILEGED),
		SD_BUS_METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", on_call,
			      SD_BUS_VTABLE_UNPRIVILEGED),
		SD_BUS_METHOD("StopUnit", "ss", "o", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
		SD_BUS_METHOD("ResetFailedUnit", "s", NULL, on_call, SD_BUS_VTABLE_UNPRIVILEGED),
		SD_BUS_METHOD("SetUnitProperties", "sba(sv)", NULL, on_call,
			      SD_BUS_VTABLE_UNPRIVILEGED),
		SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
		SD_BUS_VTABLE_END,
	};
	sd_bus *bus = NULL;

	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
	    sd_bus_add_object_vtable(bus, NULL, OBJECT, MANAGER, vtable, NULL) < 0 ||
	    sd_bus_request_name(bus, "org.freedesktop.systemd1", 0) < 0 ||
	    write(ready_fd, "r", 1) != 1)
		return 1;
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			return 0; /* the bus has ended */
		if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
			return 0;
	}
}

/* --- the tests --- */

static int start_bus(void **state)
{
	char address[512], c, *end;
	int out[2], ready[2];
	ssize_t len;

	(void)state;
	snprintf(log_path, sizeof(log_path), "/tmp/hcs-test-systemd-%d.log", getpid());
	snprintf(scope_id, sizeof(scope_id), "test%d", getpid());
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	bus_pid = fork();
	if (bus_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--print-address",
		       NULL);
		_exit(127);
	}
	close(out[1]);
	len = read(out[0], address, sizeof(address) - 1);
	close(out[0]);
	if (len <= 0)
		return -1;
	address[len] = 0;
	end = strchr(address, '\n');
	if (end)
		*end = 0;
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	manager_pid = fork();
	if (manager_pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (manager_pid == 0)
		_exit(manager(address, ready[1]));
	close(ready[1]);
	len = read(ready[0], &c, 1);
	close(ready[0]);
	return len == 1 ? 0 : -1;
}

static int stop_bus(void **state)
{
	(void)state;
	kill(manager_pid, SIGKILL);
	kill(bus_pid, SIGKILL);
	waitpid(manager_pid, NULL, 0);
	waitpid(bus_pid, NULL, 0);
	unlink(log_path);
	return 0;
}

/* The calls so far, without the blanks that the dump is laid out with; caller frees. */
static char *calls(void)
{
	char *text = NULL, *out;
	size_t len = 0;

	if (file_read(AT_FDCWD, log_path, 1 << 20, &text, &len) < 0)
		return strdup("");
	out = text;
	for (char *p = text; *p; p++)
		if (*p != ' ' && *p != '\n')
			*out++ = *p;
	*out = 0;
	return text;
}

static void expect_called(const char *what)
{
	char *text = calls();

	if (!strstr(text, what))
		fail_msg("'%s' is not in: %s", what, text);
	free(text);
}

static struct cgroup *plan(const char *name, const struct oci_spec *spec,
			   const struct oci_resources *res)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cgroup *cg = NULL;
	char path[128];
	struct cgroup_options options = {
		.manager = CGROUP_SYSTEMD, .path = path, .id = "box", .spec = spec
	};

	snprintf(path, sizeof(path), "hcstest.slice:%s:%s", name, scope_id);
	unlink(log_path);
	if (cgroup_plan(&options, res, &cg, &err) < 0)
		fail_msg("%s", error_text(&err));
	return cg;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where a test fails */
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_scope_is_started_updated_and_stopped(void **state)
{
	struct key_value annotations[] = {
		{ (char *)"org.systemd.property.TimeoutStopSec", (char *)"1.5" },
		{ (char *)"org.systemd.property.CollectMode", (char *)"'inactive'" },
		{ (char *)"org.systemd.property.After", (char *)"['a.service', \"b.service\"]" },
		{ (char *)"other", (char *)"x" },
	};
	struct oci_memory memory = { .limit = { true, 64 << 20 } };
	struct oci_cpu cpu = { .shares = { true, 512 },
			       .quota = { true, 25001 },
			       .period = { true, 100000 } };
	struct oci_device_rule deny = { .allow = false };
	struct oci_resources res = {
		.memory = &memory, .cpu = &cpu, .pids_limit = { true, 33 }, .devices = { &deny, 1 }
	};
	struct oci_resources more = { .pids_limit = { true, 44 } };
	struct oci_spec spec = { .annotations = { annotations, ARRAY_SIZE(annotations) } };
	_cleanup_cgroup_ struct cgroup *cg = plan("start", &spec, &res), *loaded = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct hierarchy *h;
	pid_t pid = sleeper();
	char pids[64], buf[64], *text;

	(void)state;
	assert_int_equal(cgroup_create(cg, &res, &err), 0);
	if (cgroup_attach(cg, pid, &res, &err) < 0)
		fail_msg("%s", error_text(&err));
	snprintf(pids, sizeof(pids), "ARRAY\"u\"{UINT32%d;", pid);
	expect_called("Member=StartTransientUnit");
	expect_called(pids);
	expect_called("STRING\"Delegate\";VARIANT\"b\"{BOOLEANtrue;");
	expect_called("STRING\"Slice\";VARIANT\"s\"{STRING\"hcstest.slice\";");
	expect_called(cg->unified ? "STRING\"MemoryMax\";VARIANT\"t\"{UINT6467108864;"
				  : "STRING\"MemoryLimit\";VARIANT\"t\"{UINT6467108864;");
	expect_called("STRING\"TasksMax\";VARIANT\"t\"{UINT6433;");
	expect_called("STRING\"CPUQuotaPerSecUSec\";VARIANT\"t\"{UINT64260000;");
	expect_called("STRUCT\"ss\"{STRING\"/dev/char/1:3\";STRING\"rwm\";");
	expect_called("STRING\"TimeoutStopUSec\";VARIANT\"t\"{UINT641500000;");
	expect_called("STRING\"CollectMode\";VARIANT\"s\"{STRING\"inactive\";");
	expect_called("ARRAY\"s\"{STRING\"a.service\";STRING\"b.service\";");

	/* What systemd does not manage is done by the runtime, at the same path. */
	snprintf(buf, sizeof(buf), "/hcstest.slice/start-%s.scope", scope_id);
	assert_string_equal(cgroup_path(cg), buf);
	h = cgroup_find(cg, CONTROLLER_PIDS);
	assert_true(hierarchy_read(h, "pids.max", buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "33");
	for (size_t i = 0; i < cg->n; i++) {
		char procs[64] = "";

		assert_true(hierarchy_read(&cg->h[i], "cgroup.procs", procs, sizeof(procs)) > 0);
		assert_int_equal(atoi(procs), pid);
	}

	assert_int_equal(
		cgroup_load(CGROUP_SYSTEMD, cgroup_path(cg), cgroup_scope(cg), NULL, &loaded, &err),
		0);
	if (cgroup_update(loaded, &more, &err) < 0)
		fail_msg("%s", error_text(&err));
	expect_called("Member=SetUnitProperties");
	expect_called("STRING\"TasksMax\";VARIANT\"t\"{UINT6444;");

	end(pid);
	if (cgroup_destroy(loaded, 1000, &err) < 0)
		fail_msg("%s", error_text(&err));
	expect_called("Member=StopUnit");
	expect_called("Member=ResetFailedUnit");
	text = calls();
	assert_null(strstr(text, "\"other\""));
	free(text);
	for (size_t i = 0; i < cg->n; i++) {
		char slice[256];

		assert_int_equal(access(cg->h[i].dir, F_OK), -1);
		snprintf(slice, sizeof(slice), "%s/hcstest.slice", cg->h[i].mountpoint);
		rmdir(slice);
	}
}

static void what_systemd_says_is_passed_on(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = { { "refused", "Unit is not wanted here." },
		      { "fails", "result is 'failed'" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_cgroup_ struct cgroup *cg = plan(cases[i].name, NULL, NULL),
					       *loaded = NULL;
		_cleanup_error_ struct error err = ERROR_INIT, ignored = ERROR_INIT;
		pid_t pid = sleeper();

		assert_true(cgroup_attach(cg, pid, NULL, &err) < 0);
		assert_int_equal(strncmp(error_text(&err), "systemd cgroup manager: ", 24), 0);
		assert_non_null(strstr(error_text(&err), cases[i].text));
		assert_null(strchr(error_text(&err), '\n'));
		end(pid);
		assert_int_equal(cgroup_load(CGROUP_CGROUPFS, "/hcstest.slice", NULL, NULL, &loaded,
					     &ignored),
				 0);
		assert_int_equal(cgroup_destroy(loaded, 1000, &ignored), 0);
	}
}

static void a_scope_that_is_gone_is_removed_without_complaint(void **state)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(cgroup_load(CGROUP_SYSTEMD, "/hcstest.slice/nosuch.scope", "nosuch.scope",
				     NULL, &cg, &err),
			 0);
	if (cgroup_destroy(cg, 1000, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static void annotations_that_say_nothing_are_refused(void **state)
{
	static const struct key_value bad[] = {
		{ (char *)"org.systemd.property.TimeoutStopUSec", (char *)"soon" },
		{ (char *)"org.systemd.property.Description", (char *)"'open" },
		{ (char *)"org.systemd.property.After", (char *)"['a', 5]" },
		{ (char *)"org.systemd.property.A b", (char *)"5" },
		{ (char *)"org.systemd.property.TimeoutStopUSec", (char *)"uint64 5 6" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct key_value annotation = bad[i];
		struct oci_spec spec = { .annotations = { &annotation, 1 } };
		_cleanup_cgroup_ struct cgroup *cg = plan("bad", &spec, NULL);
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_int_equal(cgroup_attach(cg, getpid(), NULL, &err), -EINVAL);
		assert_int_equal(strncmp(error_text(&err), "annotations[\"org.systemd", 24), 0);
	}
}

/* Last: from here on there is no bus. */
static void without_a_bus_the_way_out_is_named(void **state)
{
	_cleanup_cgroup_ struct cgroup *cg = plan("nobus", NULL, NULL);
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	assert_true(cgroup_attach(cg, getpid(), NULL, &err) < 0);
	assert_non_null(strstr(error_text(&err), "systemd cgroup manager: no system bus at "));
	assert_non_null(strstr(error_text(&err), "--cgroup-manager cgroupfs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scope_is_started_updated_and_stopped),
		cmocka_unit_test(what_systemd_says_is_passed_on),
		cmocka_unit_test(a_scope_that_is_gone_is_removed_without_complaint),
		cmocka_unit_test(annotations_that_say_nothing_are_refused),
		cmocka_unit_test(without_a_bus_the_way_out_is_named),
	};

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: needs root, for cgroups and the system bus\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start_bus, stop_bus);
}
