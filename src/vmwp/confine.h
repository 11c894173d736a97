/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "base/error.h"

/* The last thing before the loop: the caller becomes uid (and its group; 0: stays who it is) without
 * capabilities, groups, the possibility to gain any, a core dump or a debugger, and with nothing
 * but the system calls of the loop; another one kills it, and the VM with it. */
int confine_self(uint32_t uid, struct error *err);
