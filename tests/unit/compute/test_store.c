/* SPDX-License-Identifier: Apache-2.0 */
/* What stays on disk of a hyperv container, and what state and list make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pid.h"
#include "compute/status.h"
#include "compute/store.h"

static char root[] = "/tmp/hcs-store-XXXXXX";
static const struct compute_host host = { .root = root };
static const char config[] = "{\"ociVersion\":\"1.0.0\"}";

/* A stored container that is this process, so that it lives; owned. */
static struct stored stored_make(const char *id, enum compute_isolation isolation)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct stored s = { .dir_fd = -1, .isolation = isolation };
	struct pid_stat self;

	assert_int_equal(pid_read_stat(getpid(), &self), 0);
	assert_int_equal(store_make(&host, id, &s.dir_fd, &err), 0);
	assert_int_equal(store_save_config(s.dir_fd, config, strlen(config), &err), 0);
	s.container.id = strdup(id);
	s.container.bundle = strdup("/b");
	s.container.rootfs = strdup("/b/rootfs");
	s.container.pid = getpid();
	s.container.pid_start = self.start_time;
	s.created = strdup("2026-01-01T00:00:00.000000000Z");
	s.owner = strdup("me");
	s.oci_version = strdup("1.0.0");
	if (isolation == ISOLATION_HYPERV)
		s.vm = (struct stored_vm){ .monitor = strdup("qemu"),
					   .accelerator = strdup("tcg"),
					   .kernel = strdup("/boot/vmlinux"),
					   .pid = 77,
					   .pid_start = 1ull << 40 };
	return s;
}

static void save(const struct stored *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (store_save(s, &err) < 0)
		fail_msg("%s", error_text(&err));
	store_unlock(s);
}

static void remove_all(struct stored *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (store_remove(&host, s->container.id, s->dir_fd, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static json_t *state_of(const char *id)
{
	_cleanup_(compute_state_done) struct compute_state state = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	json_t *json;

	if (compute_state(&host, id, &state, &err) < 0)
		fail_msg("%s", error_text(&err));
	text = compute_state_json(&state);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return json;
}

static void assert_member(const json_t *json, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!wanted)
		assert_null(text);
	else if (!text)
		fail_msg("no %s", key);
	else
		assert_string_equal(text, wanted);
}

static void the_vm_is_remembered_and_shown(void **state)
{
	_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_HYPERV);
	_cleanup_stored_ struct stored again = { .dir_fd = -1 };
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json, *vm;

	(void)state;
	s.vm.host = strdup("pod");
	save(&s);
	assert_int_equal(store_open(&host, "web", STORE_READ, &again, &err), 0);
	assert_string_equal(again.vm.host, "pod");
	assert_string_equal(again.vm.monitor, "qemu");
	assert_string_equal(again.vm.accelerator, "tcg");
	assert_string_equal(again.vm.kernel, "/boot/vmlinux");
	assert_int_equal(again.vm.pid, 77);
	assert_true(again.vm.pid_start == 1ull << 40);
	json = state_of("web");
	assert_member(json, "isolation", "hyperv");
	vm = json_object_get(json, "vm");
	assert_member(vm, "monitor", "qemu");
	assert_member(vm, "accelerator", "tcg");
	assert_member(vm, "kernel", "/boot/vmlinux");
	assert_member(vm, "host", "pod");
	assert_null(json_object_get(json, "reason"));
	json_decref(json);
	remove_all(&s);
}

static void a_process_container_has_no_vm(void **state)
{
	_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_PROCESS);
	json_t *json;

	(void)state;
	save(&s);
	json = state_of("web");
	assert_member(json, "isolation", "process");
	assert_null(json_object_get(json, "vm"));
	json_decref(json);
	remove_all(&s);
}

static void a_mark_makes_it_paused(void **state)
{
	_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_HYPERV);
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	save(&s);
	assert_int_equal(stored_status(&s), STATUS_RUNNING);
	assert_int_equal(store_mark_paused(&s, true, &err), 0);
	assert_int_equal(store_mark_paused(&s, true, &err), 0);
	assert_int_equal(stored_status(&s), STATUS_PAUSED);
	assert_int_equal(stored_status_quick(&s), STATUS_PAUSED);
	assert_int_equal(store_mark_paused(&s, false, &err), 0);
	assert_int_equal(store_mark_paused(&s, false, &err), 0);
	assert_int_equal(stored_status(&s), STATUS_RUNNING);
	/* One that has ended is not paused. */
	assert_int_equal(store_mark_paused(&s, true, &err), 0);
	s.container.pid_start++;
	assert_int_equal(stored_status(&s), STATUS_STOPPED);
	remove_all(&s);
}

static void write_reason(const struct stored *s, const char *text, size_t len)
{
	assert_int_equal(file_replace(s->dir_fd, STORE_REASON, text, len, 0600), 0);
}

static void the_reason_is_told_when_it_stopped(void **state)
{
	static const char text[] = "the VM panicked:\n\x1b[31mKernel \xff panic\t1\n\n";
	_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_HYPERV);
	char *large = calloc(1, STORE_REASON_MAX + 1);
	json_t *json;

	(void)state;
	save(&s);
	write_reason(&s, text, strlen(text));
	json = state_of("web");
	assert_null(json_object_get(json, "reason")); /* it runs */
	json_decref(json);
	s.container.pid_start++;
	save(&s);
	json = state_of("web");
	assert_member(json, "status", "stopped");
	assert_member(json, "reason", "the VM panicked: ?[31mKernel ? panic 1");
	json_decref(json);
	memset(large, 'x', STORE_REASON_MAX + 1);
	write_reason(&s, large, STORE_REASON_MAX + 1);
	assert_null(store_reason(&s));
	write_reason(&s, "\n", 1);
	assert_null(store_reason(&s));
	free(large);
	remove_all(&s);
}

/* All that a hyperv container leaves is removed with it: the directory could not be otherwise. */
static void nothing_stays(void **state)
{
	static const char *const files[] = { STORE_VM_SOCKET, STORE_PAUSED, STORE_REASON };
	_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_HYPERV);
	_cleanup_free_ char *dir = NULL;

	(void)state;
	save(&s);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(file_replace(s.dir_fd, files[i], "x", 1, 0600), 0);
	remove_all(&s);
	assert_true(asprintf(&dir, "%s/web", root) > 0);
	assert_int_equal(access(dir, F_OK), -1);
}

/* The file is root's own, but what it names is killed and connected to. */
static void a_record_that_is_not_right_is_damaged(void **state)
{
	/* In place of it, or of these members of it. */
	static const char *const wrong[] = {
		"{}",
		"[]",
		"\"qemu\"",
		"{\"pid\":-1}",
		"{\"pid\":4294967297}",
		"{\"pidStart\":-1}",
		"{\"pidStart\":null}",
		"{\"monitor\":\"\"}",
		"{\"monitor\":1}",
		"{\"memory\":-1}",
		"{\"cpus\":-1}",
		"{\"cpus\":\"1\"}",
		"{\"more\":1}",
		"{\"host\":\"../x\"}",
		"{\"host\":null}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_stored_ struct stored s = stored_make("web", ISOLATION_HYPERV);
		_cleanup_stored_ struct stored again = { .dir_fd = -1 };
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = NULL, *changed = NULL;
		json_t *json, *change;
		size_t len;

		save(&s);
		assert_int_equal(file_read(s.dir_fd, "state.json", 65536, &text, &len), 0);
		json = json_loadb(text, len, 0, NULL);
		change = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
		if (json_object_size(change) > 0)
			(void)json_object_update(json_object_get(json, "vm"), change);
		else
			(void)json_object_set(json, "vm", change);
		json_decref(change);
		changed = json_dumps(json, 0);
		json_decref(json);
		assert_int_equal(
			file_replace(s.dir_fd, "state.json", changed, strlen(changed), 0600), 0);
		if (store_open(&host, "web", STORE_READ, &again, &err) != -EPROTO)
			fail_msg("taken: %s", wrong[i]);
		remove_all(&s);
	}
}

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
	(void)state;
	return rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vm_is_remembered_and_shown),
		cmocka_unit_test(a_process_container_has_no_vm),
		cmocka_unit_test(a_mark_makes_it_paused),
		cmocka_unit_test(the_reason_is_told_when_it_stopped),
		cmocka_unit_test(nothing_stays),
		cmocka_unit_test(a_record_that_is_not_right_is_damaged),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
