/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A pty of the host's in place of the guest's: bytes pass it untouched both ways, the line
 * discipline that counts is the guest's. */
#include <stdint.h>

#include "base/error.h"

/* Opens a pty, sends the master to the console socket, and makes the slave (*ret_slave, own
 * description, non-blocking) the controlling terminal, so that changes of size and the master's end
 * arrive as signals of the kernel. rows and columns: 0, not known. */
int terminal_open(int console_sock, uint16_t rows, uint16_t columns, int *ret_slave,
		  struct error *err);
