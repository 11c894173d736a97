/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* root.readonly on the host's side of a share: a guest that has become its own master can mount its
 * file systems as it likes, but cannot write to what the host shows it read-only. */
#include "compute/hyperv/share.h"

/* Makes the root (a detached mount, which becomes read-only) ready for an engine that cannot write
 * to it: what it would make there to mount on is made here first. binds: of each mount of the plan,
 * its source or -1. A root in which the engine has to make more than that (devices, links) stays
 * writable here, and is read-only by the guest's word alone. 0 or -errno. */
int share_root_protect(const struct share *share, int root, const int *binds, struct error *err);
