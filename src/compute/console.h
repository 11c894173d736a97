/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where the master of a container's terminal goes: to a console socket of the caller's, or to us.
 */
#include <stdbool.h>

#include "base/error.h"

struct console {
	int sock; /* what the container's process sends it to; owned; -1: no terminal */
	int ours; /* our end, when it comes to us; owned */
};
#define CONSOLE_INIT ((struct console){ .sock = -1, .ours = -1 })

/* Refuses what cannot go together, as runc does: a detached terminal without a socket, a socket
 * without a terminal. */
int console_open(struct console *console, bool terminal, bool detach, const char *socket_path,
		 struct error *err);
/* The master, when it comes to us; -1 when there is none. */
int console_receive(struct console *console, int *ret_master, struct error *err);
void console_done(struct console *console);

#define _cleanup_console_ _cleanup_(console_done)
