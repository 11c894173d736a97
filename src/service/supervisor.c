/* SPDX-License-Identifier: Apache-2.0 */
#include "service/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/environment.h"
#include "base/fd.h"
#include "base/libexec.h"
#include "base/pid.h"
#include "service/record_store.h"

struct program {
	int fd; /* owned */
	char *path;
	char *argv[6];
	char **envp;
};

static void program_done(struct program *program)
{
	program->fd = close_fd(program->fd);
	free(TAKE_PTR(program->path));
	free(TAKE_PTR(program->envp));
}

/* From a read-only mount that no namespace has: see container/program_seal.h, which would execute it
 * again. Where that is not allowed the program sees to it by itself. */
static int open_program(struct program *program)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, program->path,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0 &&
	    syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0) {
		program->fd = fd;
		return 0;
	}
	(void)close_fd(fd);
	program->fd = open(program->path, O_PATH | O_CLOEXEC);
	return program->fd < 0 ? -errno : 0;
}

static int prepare(const struct service *service, const struct record *record,
		   struct program *program, struct error *err)
{
	int r;

	program->path = libexec_path(SUPERVISOR_PROGRAM);
	program->envp = environment_for_helpers();
	if (!program->path || !program->envp)
		return error_oom(err);
	program->argv[0] = (char *)(uintptr_t)SUPERVISOR_PROGRAM;
	program->argv[1] = service->root;
	program->argv[2] = service->run_root;
	program->argv[3] = record->id;
	r = open_program(program);
	return r < 0 ? error_sys(err, -r, "start the supervisor: %s", program->path) : 0;
}

/* In the child of a child, which nobody waits for. */
static void __attribute__((noreturn)) become(const struct program *program, int client, int lock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[] = { null, null, null, client, lock, program->fd };
	struct error err = ERROR_INIT;
	sigset_t none;
	int r = null < 0 ? -errno : fd_arrange(fds, ARRAY_SIZE(fds));

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (r == 0) {
		(void)fcntl(5, F_SETFD, FD_CLOEXEC);
		(void)!chdir("/");
		(void)umask(022);
		(void)syscall(SYS_execveat, 5, "", program->argv, program->envp, AT_EMPTY_PATH);
		r = -errno;
	}
	(void)error_sys(&err, -r, "start the supervisor: %s", program->path);
	(void)attach_send_failure(
		r == 0 || fcntl(SUPERVISOR_FD_CLIENT, F_GETFD) >= 0 ? SUPERVISOR_FD_CLIENT : client,
		&err);
	_exit(EXIT_FAILURE);
}

static int fork_twice(const struct program *program, int client, int lock, struct error *err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return error_sys(err, errno, "start the supervisor: fork");
	if (pid == 0) {
		(void)setsid();
		pid = fork();
		if (pid == 0)
			become(program, client, lock);
		_exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : error_set(err, EAGAIN, "start the supervisor: fork failed");
}

int supervisor_spawn(const struct service *service, struct record *record,
		     const struct attach_request *request, struct error *err)
{
	_cleanup_(program_done) struct program program = { .fd = -1 };
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;

	r = prepare(service, record, &program, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	r = attach_send(ours, ATTACH_ATTACH, request, sizeof(*request), 0);
	if (r < 0)
		return error_sys(err, -r, "speak to the supervisor");
	r = fork_twice(&program, theirs, record->lock_fd, err);
	if (r < 0)
		return r;
	/* The lock is the supervisor's: closing our descriptor of it does not give it up. */
	record_unlock(record);
	return TAKE_FD(ours);
}

int supervisor_connect(const struct service *service, const struct record *record,
		       const struct attach_request *request, struct error *err)
{
	_cleanup_close_ int sock = -1;
	char path[sizeof(RECORD_CONTAINERS) + RECORD_ID_LEN + sizeof(ATTACH_SOCKET) + 2];
	int r;

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%s/" ATTACH_SOCKET, record->id);
	sock = unix_connect(service->run_fd, path, SOCK_SEQPACKET);
	r = sock < 0 ? sock : attach_send(sock, ATTACH_ATTACH, request, sizeof(*request), 0);
	/* Closed already: it has said why. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return error_sys(err, -r, "connect to the supervisor of container " RECORD_SHORT,
				 record->id);
	return TAKE_FD(sock);
}

int supervisor_open(const struct record *record)
{
	return record->state.supervisor > 0
		       ? pid_open(record->state.supervisor, record->state.supervisor_start)
		       : -ESRCH;
}

void supervisor_wake(const struct record *record)
{
	_cleanup_close_ int pidfd = supervisor_open(record);

	if (pidfd >= 0)
		(void)pidfd_kill(pidfd, SIGHUP);
}
