/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hcs-init -- PROGRAM [ARG...]: process 1 of a container that was made with --init. Runs the program,
 * passes signals on to it, reaps whatever else ends, and ends as the program did.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_EXECUTABLE 126
#define NOT_FOUND 127

static int fail(const char *what)
{
	(void)fprintf(stderr, "hcs-init: %s: %s\n", what, strerror(errno));
	return errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

/* In a process group of its own, so that a terminal's signals reach it alone and not twice. */
static void run_program(char **argv, const sigset_t *mask)
{
	(void)setpgid(0, 0);
	if (isatty(STDIN_FILENO)) {
		/* A background group may not take the terminal, unless it ignores being stopped. */
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(STDIN_FILENO, getpgrp());
		(void)signal(SIGTTOU, SIG_DFL);
	}
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	_exit(fail(argv[0]));
}

/* Reaps all that has ended. The program's status when it is among them, else -1. */
static int reap(pid_t program)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return result;
}

int main(int argc, char **argv)
{
	sigset_t all, before;
	pid_t program;

	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argv++;
		argc--;
	}
	if (argc < 2) {
		(void)fprintf(stderr, "usage: hcs-init -- PROGRAM [ARG...]\n");
		return NOT_EXECUTABLE;
	}
	(void)sigfillset(&all);
	/* What a fault of ours raises is not to be waited for. */
	(void)sigdelset(&all, SIGSEGV);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGILL);
	(void)sigdelset(&all, SIGFPE);
	(void)sigdelset(&all, SIGTTOU);
	(void)sigdelset(&all, SIGTTIN);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	program = fork();
	if (program < 0)
		return fail("fork");
	if (program == 0)
		run_program(argv + 1, &before);
	for (;;) {
		int signal_number, status;

		if (sigwait(&all, &signal_number) != 0)
			continue;
		if (signal_number != SIGCHLD) {
			(void)kill(program, signal_number);
			continue;
		}
		status = reap(program);
		if (status >= 0)
			return status;
	}
}
