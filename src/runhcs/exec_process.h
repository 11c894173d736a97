/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "oci/spec.h"
#include "runhcs/options.h"

/* The process that `exec --process` names, with what the command line adds: a terminal,
 * capabilities (into all sets but the inheritable and ambient ones). Memory from arena. 0 or
 * -errno. */
int exec_process_read(const char *path, bool tty, const struct string_list *caps,
		      struct arena *arena, struct oci_process **ret, struct error *err);
