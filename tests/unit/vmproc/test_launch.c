/* SPDX-License-Identifier: Apache-2.0 */
/* The command's side of vmproc, with the real program; the guest is a child of the test. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/pid.h"
#include "container/sync.h"
#include "vmproc/launch.h"
#include "vmproc/protocol.h"
#include "wire/frame.h"

static const struct vmproc_spawn spawn_plain = {
	.id = "test",
	.stdio = { -1, -1, -1 },
	.netns = -1,
	.cgroup_fd = -1,
};

static void put(int fd, enum wire_type type, uint32_t number, const char *body)
{
	const struct frame frame = { type, (uint32_t)strlen(body), 0, number };
	uint8_t header[WIRE_HEADER];

	frame_encode(&frame, header);
	if (write(fd, header, sizeof(header)) < 0 || write(fd, body, strlen(body)) < 0)
		_exit(1);
}

/* Reads one request; false at the end of the connection. */
static bool get(int fd)
{
	uint8_t header[WIRE_HEADER], body[4096];
	struct frame frame;

	do {
		if (recv(fd, header, sizeof(header), MSG_WAITALL) != (ssize_t)sizeof(header))
			return false;
		if (frame_decode(header, WIRE_TO_GUEST, &frame) < 0 || frame.size > sizeof(body))
			_exit(1);
		if (frame.size > 0 &&
		    recv(fd, body, frame.size, MSG_WAITALL) != (ssize_t)frame.size)
			return false;
	} while (frame.type != WIRE_REQUEST);
	return true;
}

/* A guest that gives these answers, then exits with 5. Returns the client's end. */
static int guest(const char *const *answers)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (fork() == 0) {
		close(pair[0]);
		put(pair[1], WIRE_HELLO, 0, "{}");
		for (uint32_t i = 0; answers[i]; i++)
			if (get(pair[1]))
				put(pair[1], WIRE_RESPONSE, i + 1, answers[i]);
		put(pair[1], WIRE_EXIT, 0, "{\"code\": 5}");
		while (get(pair[1]))
			;
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static void on_warning(const char *message, void *data)
{
	(void)snprintf(data, 64, "%s", message);
}

static int end_of(int pidfd)
{
	int status = pidfd_reap(pidfd);

	close(pidfd);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return status;
}

/* It changes to / then, which this program is not in. */
static void wait_until_executed(pid_t pid)
{
	char path[64], target[4096] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	while (strcmp(target, "/") != 0) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		assert_true(n > 0);
		target[n] = '\0';
	}
}

static void test_create(void **state)
{
	static const char *const answers[] = { "{\"result\": {}}",
					       "{\"result\": {\"pid\": 9, \"warnings\": [\"w\"]}}",
					       "{\"result\": {}}", NULL };
	struct error err = ERROR_INIT;
	char warning[64] = "";
	struct vmproc_begin begin = { .connection = guest(answers),
				      .start_socket = -1,
				      .console = -1,
				      .reason = -1,
				      .warn = on_warning,
				      .warn_data = warning };
	json_t *requests =
		json_pack("[{s:s}, {s:s, s:s}]", "op", "network", "op", "create", "id", "test");
	int pidfd, sync, guest_pid;
	pid_t pid;

	(void)state;
	assert_int_equal(vmproc_spawn(&spawn_plain, &pid, &pidfd, &sync, &err), 0);
	assert_int_equal(vmproc_begin(sync, requests, &begin, &guest_pid, &err), 0);
	assert_int_equal(guest_pid, 9);
	assert_string_equal(warning, "w");
	assert_int_equal(sync_send(sync, SYNC_START, 0), 0);
	assert_int_equal(sync_receive(sync, NULL, &err), 0);
	close(begin.connection);
	close(sync);
	assert_int_equal(end_of(pidfd), 5);
	json_decref(requests);
}

static void test_exec_and_what_it_inherits(void **state)
{
	static const char *const answers[] = {
		"{\"error\": {\"code\": 2, \"message\": \"no such program\", \"status\": 127}}",
		NULL
	};
	struct error err = ERROR_INIT;
	struct vmproc_spawn spawn = spawn_plain;
	struct vmproc_begin begin = {
		.connection = guest(answers), .start_socket = -1, .console = -1, .reason = -1
	};
	json_t *requests = json_pack("[{s:s}]", "op", "exec");
	int pidfd, sync, guest_pid, leaked = open("/dev/zero", O_RDONLY);
	char path[64];
	pid_t pid;

	(void)state;
	assert_int_equal(fcntl(leaked, F_DUPFD, 77), 77); /* without CLOEXEC */
	spawn.exec = true;
	assert_int_equal(vmproc_spawn(&spawn, &pid, &pidfd, &sync, &err), 0);
	assert_int_equal(vmproc_begin(sync, requests, &begin, &guest_pid, &err), -ENOENT);
	assert_string_equal(error_text(&err), "no such program");
	assert_int_equal(err.exit_status, 127);
	error_done(&err);
	close(begin.connection);
	close(sync);
	assert_int_equal(end_of(pidfd), 127);
	/* One that waits to be told what to do. */
	assert_int_equal(vmproc_spawn(&spawn, &pid, &pidfd, &sync, &err), 0);
	wait_until_executed(pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/77", (int)pid);
	assert_int_equal(access(path, F_OK), -1);
	close(sync);
	assert_int_equal(end_of(pidfd), 1);
	close(77);
	close(leaked);
	json_decref(requests);
}

static int refuse(void *data, struct error *err)
{
	(void)data;
	return error_set(err, EBUSY, "the cgroup is full");
}

static void test_it_cannot_be_started(void **state)
{
	struct error err = ERROR_INIT;
	struct vmproc_spawn spawn = spawn_plain;
	char *there = strdup(getenv("HCS_LIBEXECDIR"));
	int pidfd, sync;
	pid_t pid, vmwp;

	(void)state;
	spawn.prepare = refuse;
	assert_int_equal(vmproc_spawn(&spawn, &pid, &pidfd, &sync, &err), -EBUSY);
	assert_string_equal(error_text(&err), "the cgroup is full");
	assert_int_equal(waitpid(-1, NULL, 0), -1); /* nothing is left */
	error_done(&err);
	setenv("HCS_LIBEXECDIR", "/nowhere", 1);
	assert_int_equal(vmproc_spawn(&spawn_plain, &pid, &pidfd, &sync, &err), 0);
	(void)pidfd_wait_end(pidfd, -1); /* the send fails then */
	assert_int_equal(vmproc_send_vm(sync, 0, 0, NULL, 0, &vmwp, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "/nowhere/vmproc is not there"));
	error_done(&err);
	close(sync);
	assert_int_equal(end_of(pidfd), 1);
	setenv("HCS_LIBEXECDIR", there, 1);
	free(there);
}

static void test_no_vmwp(void **state)
{
	struct error err = ERROR_INIT;
	int pidfd, sync, memfd = memfd_create("settings", MFD_CLOEXEC);
	int fds[VMPROC_VM_FDS_MAX - 2];
	pid_t pid, vmwp;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = memfd;
	assert_int_equal(vmproc_spawn(&spawn_plain, &pid, &pidfd, &sync, &err), 0);
	assert_int_equal(vmproc_send_vm(sync, memfd, memfd, fds, ARRAY_SIZE(fds) + 1, &vmwp, &err),
			 -E2BIG);
	error_done(&err);
	/* All that fit arrive: it is the program that is not there. */
	assert_int_equal(vmproc_send_vm(sync, memfd, memfd, fds, ARRAY_SIZE(fds), &vmwp, &err),
			 -ENOENT);
	assert_non_null(strstr(error_text(&err), "/vmwp: No such file"));
	error_done(&err);
	close(sync);
	close(memfd);
	assert_int_equal(end_of(pidfd), 1);
}

static void test_network_namespace(void **state)
{
	struct error err = ERROR_INIT;
	struct vmproc_spawn spawn = spawn_plain;
	struct stat own, first, second;
	char path[64];
	int pidfd[2], sync[2];
	pid_t pid[2];

	(void)state;
	if (geteuid() != 0)
		return; /* ordinary users have none to give */
	spawn.new_netns = true;
	assert_int_equal(stat("/proc/self/ns/net", &own), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vmproc_spawn(&spawn, &pid[i], &pidfd[i], &sync[i], &err), 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid[i]);
		assert_int_equal(stat(path, i ? &second : &first), 0);
		spawn.netns = open(path, O_RDONLY | O_CLOEXEC);
		spawn.new_netns = false;
	}
	assert_true(first.st_ino != own.st_ino);
	assert_true(second.st_ino == first.st_ino);
	close(spawn.netns);
	close(sync[0]);
	close(sync[1]);
	assert_int_equal(pidfd_reap(pidfd[0]), 1);
	close(pidfd[0]);
	assert_int_equal(end_of(pidfd[1]), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_exec_and_what_it_inherits),
		cmocka_unit_test(test_it_cannot_be_started),
		cmocka_unit_test(test_no_vmwp),
		cmocka_unit_test(test_network_namespace),
	};

	if (chdir("/proc") < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
