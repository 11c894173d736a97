/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Errors are values. A function that can fail takes `struct error *err` last, returns a negative
 * errno on failure and leaves err untouched on success. Callers add context with error_wrap on the
 * way up, so that the user reads one line: what was being done, to what, why it failed, what to do.
 */
#include "base/cleanup.h"

struct error {
	int code;        /* positive errno of the cause, 0 while there is no error */
	int exit_status; /* exit status a tool should use (126, 127), 0 for the usual 1 */
	char *message;   /* owned; NULL while there is no error, or when memory ran out */
};

#define ERROR_INIT ((struct error){ 0 })

/* Sets err to the formatted text; code is a positive errno that classifies it. Returns -code. */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1)));

/* As error_set, with ": " and strerror(code) appended: for a failed system call. Returns -code. */
int error_sys(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1)));

/* Prefixes err's message with the formatted text and ": ". Returns r, to be returned on. */
int error_wrap(struct error *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1)));

/* Reports that memory ran out. Returns -ENOMEM. */
int error_oom(struct error *err) __attribute__((nonnull(1)));

/* The message, never NULL. Valid until err changes. */
const char *error_text(const struct error *err) __attribute__((nonnull(1)));

/* Moves from into to, which must hold no error. */
void error_move(struct error *to, struct error *from) __attribute__((nonnull(1, 2)));

/* Frees what err holds and makes it empty again. */
void error_done(struct error *err) __attribute__((nonnull(1)));

#define _cleanup_error_ _cleanup_(error_done)
