/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Tests that change the process for good run in a child; what fails there fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child: ends it with a message unless the condition holds. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
/* As CHECK, for a call that reports through err. */
#define CHECK_OK(call, err)                                                                        \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			dprintf(2, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error_text(err)); \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Runs body in a child and returns its wait status. */
static inline int child_status(void (*body)(void *), void *arg)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		/* cmocka catches these and would go on with the next test, in the child too. */
		for (const int *sig = (const int[]){ SIGSYS, SIGSEGV, SIGFPE, SIGILL, SIGBUS, 0 };
		     *sig; sig++)
			(void)signal(*sig, SIG_DFL);
		(void)alarm(20); /* nothing waits for ever */
		body(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void in_child(void (*body)(void *), void *arg)
{
	assert_int_equal(child_status(body, arg), 0);
}

static inline void in_child_test(void **state)
{
	in_child((void (*)(void *)) * state, NULL);
}
/* An entry of a group of tests whose body runs in a child. */
#define IN_CHILD(body)                                                                             \
	{                                                                                          \
#body, in_child_test, NULL, NULL, (void *)(body)                                   \
	}

/* A list of strings as the parser makes it. */
#define STRV(...)                                                                                  \
	((struct strv){ .items = (char *[]){ __VA_ARGS__, NULL },                                  \
			.len = sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) })

/* The call fails, and says so in these words. */
#define assert_refused(call, err, text)                                                            \
	do {                                                                                       \
		assert_true((call) < 0);                                                           \
		assert_string_equal(error_text(err), text);                                        \
		error_done(err);                                                                   \
	} while (0)
