/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Filters of system calls (seccomp(2)) for vmwp and its helpers, assembled here: a table of numbers
 * does not need a compiler linked into a process that is to stay small. */
#include <stdbool.h>
#include <stddef.h>

/* For the calling thread and what it executes: every call of the native architecture but those that
 * neither QEMU nor the share's daemon has use for and that reach far into the kernel (modules, bpf,
 * ptrace, keyrings, io_uring …): EPERM. Their own filters come on top. One that is not privileged,
 * and so makes no sandbox for itself, gets neither namespaces nor mounts nor new sockets. Needs
 * no_new_privs. 0 or -errno. */
int syscall_filter_helper(bool privileged);
/* Nothing but the calls of the table (n numbers): anything else kills the process. */
int syscall_filter_only(const int *allowed, size_t n);
