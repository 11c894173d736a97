/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is left of vmproc once it only carries bytes that come from a guest: no privileges, another
 * user, a short list of system calls. */
#include <stdint.h>

#include "base/error.h"

/* uid (and gid): the VM's, so that vmproc's death may still signal vmwp (PDEATHSIG); 0: keep. All
 * capabilities go, no_new_privs is set, the filter follows. PDEATHSIG, which a change of user
 * clears, is set again. */
int confine(uint32_t uid, struct error *err);
