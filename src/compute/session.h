/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The foreground of run and exec: the caller's terminal in raw mode, its size passed on, signals
 * forwarded, until the process ends. The terminal is put back on every way out.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "base/error.h"
#include "oci/spec.h"

struct session {
	int signal_fd; /* owned */
	sigset_t old_mask;
	bool masked, raw;
	struct termios old_termios;
};

#define SESSION_INIT ((struct session){ .signal_fd = -1 })

/* From here signals wait for session_run instead of ending us: called before the process is made,
 * so that none is lost. */
int session_begin(struct session *s, struct error *err);
/* Gives process, if it has a terminal, the size of the caller's from the start: set when the process
 * runs already, it would read the wrong one and then be signalled. Called before it is made. */
void session_size(struct oci_process *process);
/* Relays between the caller's terminal (descriptors 0, 1) and master (-1: the process has our
 * descriptors itself) and forwards signals to pid, until pidfd's process, a child, ends. Reaps it;
 * *ret_status as a shell has it. */
int session_run(struct session *s, pid_t pid, int pidfd, int master, int *ret_status,
		struct error *err);
/* Puts the caller's terminal, if descriptor 0 is one, into raw mode; session_run does it by itself. */
int session_raw(struct session *s, struct error *err);
/* Terminal and signal mask as they were. */
void session_done(struct session *s);

#define _cleanup_session_ _cleanup_(session_done)
