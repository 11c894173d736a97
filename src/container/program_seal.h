/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CVE-2019-5736: a process in the container can reach the runtime's program through /proc/PID/exe
 * of whatever the runtime puts beside it, and overwrite it, to be root on the host at its next use.
 * So the runtime puts nothing into a container but what runs from a read-only mount that no mount
 * namespace has: no one can make it writable again.
 */
#include "base/error.h"

/* First thing in a program whose process enters containers: executes the program again from such a
 * mount, unless it already is on one. Where a mount may not be made (an ordinary user) from a
 * sealed copy in memory (memfd_create(2)). argv: as main got it. Returns 0 in the sealed program,
 * or -errno. */
int program_seal(char **argv, struct error *err);
