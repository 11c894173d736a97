/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/json_tree.h"
#include "base/environment.h"
#include "base/fd.h"
#include "base/libexec.h"
#include "base/pid.h"
#include "container/loopback.h"
#include "vmproc/protocol.h"
#include "wire/frame.h"

static int enter_netns(const struct vmproc_spawn *spawn, struct error *err)
{
	if (spawn->netns >= 0)
		return setns(spawn->netns, CLONE_NEWNET) < 0
			       ? error_sys(err, errno, "join the network namespace")
			       : 0;
	if (!spawn->new_netns)
		return 0;
	if (unshare(CLONE_NEWNET) < 0)
		return error_sys(err, errno, "make a network namespace");
	return loopback_up(err);
}

static int arrange(const struct vmproc_spawn *spawn, int sync, struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[VMPROC_SYNC_FD + 1], r;

	if (null < 0)
		return error_sys(err, errno, "open /dev/null");
	for (int i = 0; i < 3; i++) {
		fds[i] = spawn->stdio[i];
		if (fds[i] < 0 || fcntl(fds[i], F_GETFD) < 0)
			fds[i] = null;
	}
	fds[VMPROC_SYNC_FD] = sync;
	r = fd_arrange(fds, ARRAY_SIZE(fds));
	null = -1; /* closed with the others */
	return r < 0 ? error_sys(err, -r, "arrange descriptors") : 0;
}

/* *sync becomes the descriptor's number after arranging. */
static int child_run(const struct vmproc_spawn *spawn, char *path, int *sync, struct error *err)
{
	char kind_exec[] = "exec", kind_create[] = "create";
	char *argv[] = { path, (char *)(uintptr_t)spawn->id, spawn->exec ? kind_exec : kind_create,
			 NULL };
	_cleanup_free_ char **environment = environment_for_helpers();
	int r = 0;

	/* Killed with the command until there is a state that names it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!environment)
		return error_oom(err);
	if (spawn->prepare)
		r = spawn->prepare(spawn->data, err);
	if (r == 0)
		r = enter_netns(spawn, err);
	if (r == 0 && sync_send(*sync, (enum sync_type)VMPROC_PREPARED, 0) < 0)
		r = error_set(err, ECANCELED, "the command was killed");
	if (r == 0)
		r = arrange(spawn, *sync, err);
	if (r < 0)
		return r;
	*sync = VMPROC_SYNC_FD;
	(void)execve(path, argv, environment);
	if (errno == ENOENT)
		return error_set(err, ENOENT,
				 "%s is not there: hyperv isolation is not installed, or "
				 "HCS_LIBEXECDIR names another directory",
				 path);
	return error_sys(err, errno, "execute %s", path);
}

static _Noreturn void child(const struct vmproc_spawn *spawn, char *path, int sync)
{
	struct error err = ERROR_INIT;

	(void)child_run(spawn, path, &sync, &err);
	sync_send_error(sync, &err);
	_exit(1);
}

/* Waits for an answer of that type; warnings on the way are handed on. */
static int expect(int sync, int type, int *ret_code, const struct vmproc_begin *what,
		  struct error *err)
{
	char text[SYNC_TEXT_MAX + 1];

	for (;;) {
		int r = sync_receive_text(sync, ret_code, text, err);

		if (r < 0)
			return r;
		if (r == type)
			return 0;
		if (r == 0)
			return error_set(err, ECONNRESET,
					 "the container's process on the host was killed (out of "
					 "memory? see linux.resources.memory.limit)");
		if (r != SYNC_WARNING)
			return error_set(err, EPROTO, "unexpected message %d where %d was due", r,
					 type);
		if (what && what->warn)
			what->warn(text, what->warn_data);
	}
}

int vmproc_spawn(const struct vmproc_spawn *spawn, pid_t *ret_pid, int *ret_pidfd, int *ret_sync,
		 struct error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	_cleanup_free_ char *path = libexec_path("vmproc");
	int pair[2], pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;
	int r;

	if (!path)
		return error_oom(err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	if (spawn->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)spawn->cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return error_sys(err, errno, "clone for %s", path);
	if (pid == 0) {
		(void)close_fd(ours);
		child(spawn, path, theirs);
	}
	theirs = close_fd(theirs);
	r = expect(ours, VMPROC_PREPARED, NULL, NULL, err);
	if (r < 0) {
		(void)pidfd_kill(pidfd, SIGKILL);
		(void)pidfd_reap(pidfd);
		(void)close_fd(pidfd);
		return r;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	*ret_sync = TAKE_FD(ours);
	return 0;
}

/* One that has ended has said why. */
static int tell(int sync, const void *message, size_t size, const int *fds, size_t n,
		struct error *err)
{
	int r = fd_send(sync, message, size, fds, n);

	if (r == -EPIPE || r == -ECONNRESET)
		return expect(sync, 0, NULL, NULL, err);
	return r < 0 ? error_sys(err, -r, "instruct the container's process on the host") : 0;
}

int vmproc_send_vm(int sync, int settings_memfd, int control_listen, const int *fds, size_t n,
		   pid_t *ret_vmwp_pid, struct error *err)
{
	const struct vmproc_header header = { .type = VMPROC_VM };
	int all[VMPROC_VM_FDS_MAX] = { control_listen, settings_memfd };
	int r, code = 0;

	if (n > VMPROC_VM_FDS_MAX - 2)
		return error_set(err, E2BIG, "a VM takes at most %d descriptors",
				 VMPROC_VM_FDS_MAX - 2);
	if (n > 0)
		memcpy(all + 2, fds, n * sizeof(*fds));
	r = tell(sync, &header, sizeof(header), all, n + 2, err);
	if (r == 0)
		r = expect(sync, VMPROC_VM_READY, &code, NULL, err);
	if (r == 0)
		*ret_vmwp_pid = code;
	return r;
}

static int write_request(int fd, const json_t *request, struct error *err)
{
	_cleanup_free_ char *text = json_tree_text(request);
	uint32_t len;
	size_t n;
	int r;

	if (!text)
		return error_oom(err);
	n = strlen(text);
	if (n > WIRE_REQUEST_MAX)
		return error_set(err, E2BIG,
				 "the configuration is larger than a utility VM takes (%d MiB)",
				 WIRE_REQUEST_MAX >> 20);
	len = (uint32_t)n;
	r = fd_write_all(fd, &len, sizeof(len));
	if (r == 0)
		r = fd_write_all(fd, text, n);
	return r < 0 ? error_sys(err, -r, "write the requests") : 0;
}

/* A memfd with the requests as records. */
static int write_requests(const json_t *requests, struct error *err)
{
	_cleanup_close_ int fd = -1;
	size_t n = json_array_size(requests);

	if (n == 0 || n > VMPROC_REQUESTS_MAX)
		return error_set(err, EINVAL, "%zu requests for the guest: 1 to %d can be", n,
				 VMPROC_REQUESTS_MAX);
	fd = memfd_create("requests", MFD_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "memfd_create");
	for (size_t i = 0; i < n; i++) {
		int r = write_request(fd, json_array_get(requests, i), err);

		if (r < 0)
			return r;
	}
	return TAKE_FD(fd);
}

int vmproc_begin(int sync, const json_t *requests, const struct vmproc_begin *what,
		 int *ret_guest_pid, struct error *err)
{
	_cleanup_close_ int memfd = write_requests(requests, err);
	struct vmproc_begin_header header = {
		.type = VMPROC_BEGIN,
		.uid = what->uid,
		.rows = what->rows,
		.columns = what->columns,
		.create_ms = what->create_ms,
		.start_ms = what->start_ms,
	};
	int fds[5] = { memfd, what->connection }, r, pid = 0;
	size_t n = 2;

	if (memfd < 0)
		return memfd;
	if (what->start_socket >= 0) {
		header.flags |= VMPROC_START_SOCKET;
		fds[n++] = what->start_socket;
	}
	if (what->console >= 0) {
		header.flags |= VMPROC_CONSOLE;
		fds[n++] = what->console;
	}
	if (what->reason >= 0) {
		header.flags |= VMPROC_REASON;
		fds[n++] = what->reason;
	}
	r = tell(sync, &header, sizeof(header), fds, n, err);
	if (r == 0)
		r = expect(sync, SYNC_READY, &pid, what, err);
	if (r == 0)
		*ret_guest_pid = pid;
	return r;
}
