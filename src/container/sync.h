/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The conversation between a runtime command and the process it puts into a container, over a
 * SOCK_SEQPACKET pair (or the start socket): one message a step. The end of the conversation
 * without a message means: for the child, the runtime was killed, so die; for the runtime after
 * SYNC_START, that the program is running (its end of the socket was closed by execve).
 */
#include <stdint.h>

#include "base/error.h"

enum sync_type {
	SYNC_GO = 1,  /* → child: maps are written, cgroup joined from outside, devices moved */
	SYNC_MOUNTED, /* → runtime: root is put together: hooks prestart and createRuntime now */
	SYNC_HOOKS_RUN, /* → child */
	SYNC_READY,     /* → runtime: set up, waiting */
	SYNC_COMMIT,    /* → child: state is on disk, outlive the runtime and wait for start */
	SYNC_START,     /* → child */
	SYNC_LISTENER,  /* → runtime: seccomp notify descriptor, its number in code */
	SYNC_LISTENER_SENT, /* → child */
	SYNC_ERROR,   /* → runtime: code, exit status and text of what failed in the child */
	SYNC_WARNING, /* → runtime: text of what is left out without an error */
};

/* One message in all; text is cut to this. */
#define SYNC_TEXT_MAX 4096

/* Sends a message without text. 0 or -errno. */
int sync_send(int sock, enum sync_type type, int code);
/* Sends a message with text, cut to SYNC_TEXT_MAX. 0 or -errno. */
int sync_send_text(int sock, enum sync_type type, const char *text);
/* Sends the error; best effort, the child dies next. */
void sync_send_error(int sock, const struct error *error);
/* Waits for a message of that type. An error message from the other side becomes err as it is
 * there; the end of the conversation is -ECONNRESET. code may be NULL. */
int sync_expect(int sock, enum sync_type type, int *ret_code, struct error *err);
/* Waits for any message: its type, or 0 at the end of the conversation. A SYNC_ERROR fills err and
 * returns its negative code. */
int sync_receive(int sock, int *ret_code, struct error *err);
/* The same, with the text of a message that has one, empty if not: SYNC_TEXT_MAX + 1 bytes, or NULL. */
int sync_receive_text(int sock, int *ret_code, char *text, struct error *err);
