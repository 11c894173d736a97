/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The process's own stdio, which the caller and others share: their file descriptions are never made
 * non-blocking, that would break every other reader and writer of them. */
#include <stdbool.h>

#include "base/error.h"

struct stdio {
	int fd;           /* owned; -1: none */
	bool nonblocking; /* its description is our own, made so */
};

/* What the caller had closed of 0, 1 and 2 is /dev/null, before another descriptor gets its number. */
int stdio_complete(struct error *err);
/* A descriptor to carry fd's bytes by. A FIFO or terminal is opened again for a description of our
 * own; where that is refused, and for anything else that may wait, fd is duplicated and to be used
 * after poll only. fd itself stays open. */
int stdio_take(int fd, struct stdio *ret, struct error *err);
/* Puts /dev/null in place of 0, 1 and 2, so that what was taken is the last of it here. */
int stdio_forget(struct error *err);
