/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "vmproc/vmproc.h"

/* Carries everything until p->end is decided: 0. Or -errno: the VM is lost, err has the reason. */
int loop_run(struct vmproc *p, struct error *err);
/* Writes what the streams still hold, as far as there are readers; at most timeout_ms (-1: as long
 * as they need). */
void loop_flush(struct vmproc *p, int timeout_ms);
