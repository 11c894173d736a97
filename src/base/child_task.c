/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child_task.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"

#define TEXT_MAX 4096

struct report {
	int code, exit_status;
	char text[TEXT_MAX];
};

static _Noreturn void child_main(int (*run)(void *data, struct error *err), void *data, int errors)
{
	struct error err = ERROR_INIT;
	struct report report = { 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	if (run(data, &err) >= 0)
		_exit(0);
	report.code = err.code;
	report.exit_status = err.exit_status;
	(void)snprintf(report.text, sizeof(report.text), "%s", error_text(&err));
	/* Less than a pipe takes at once: nobody need be reading yet. */
	(void)fd_write_all(errors, &report, offsetof(struct report, text) + strlen(report.text));
	_exit(1);
}

int child_task_start(struct child_task *task, int (*run)(void *data, struct error *err), void *data,
		     int not_its_fd, struct error *err)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	task->pid = fork();
	if (task->pid == 0) {
		(void)close_fd(not_its_fd);
		(void)close(pipes[0]);
		child_main(run, data, pipes[1]);
	}
	(void)close_fd(pipes[1]);
	if (task->pid < 0) {
		(void)close_fd(pipes[0]);
		return error_sys(err, errno, "fork");
	}
	task->errors = pipes[0];
	return 0;
}

int child_task_end(struct child_task *task, struct error *err)
{
	struct report report = { 0 };
	_cleanup_free_ char *text = NULL;
	int status = 0;
	size_t len = 0;

	if (fd_read_all(task->errors, sizeof(report) - 1, &text, &len) == 0 &&
	    len > offsetof(struct report, text))
		memcpy(&report, text, len);
	task->errors = close_fd(task->errors);
	while (waitpid(task->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (report.code <= 0)
		return error_set(err, EIO, "a process of ours ended with wait status %d", status);
	(void)error_set(err, report.code, "%s", report.text);
	err->exit_status = report.exit_status;
	return -report.code;
}
