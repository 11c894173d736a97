/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>

#include "base/error.h"

/* Writes pid to path, whole or not at all: who waits for the file may read it at once. NULL:
 * nothing. */
int pid_file_write(const char *path, pid_t pid, struct error *err);
