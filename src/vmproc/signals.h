/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Every signal is blocked and read from a descriptor, those that the C library keeps to itself too:
 * they are the container's. */
#include "vmproc/vmproc.h"

/* Blocks all; p->signals becomes their descriptor, non-blocking. */
int signals_open(struct vmproc *p, struct error *err);
/* Before the program runs: only those that end it, and the terminal's, are read; others are as to an
 * init that waits for start, without effect. */
int signals_until_start(struct vmproc *p, struct error *err);
/* START has come: what was sent before is dropped. */
void signals_drop(struct vmproc *p);
/* The program runs: all are read. */
int signals_forward(struct vmproc *p, struct error *err);
/* Reads one signal and does what it says. 0, or -errno when the VM is lost. */
int signals_step(struct vmproc *p, struct error *err);
/* Dies by that signal, or exits as a shell says it where that cannot be (pid 1 of a namespace; a
 * signal that kills nobody). */
_Noreturn void signals_die(int signal);
