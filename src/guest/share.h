/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"

/* Mounts the host's share, unless it is: before the first container rather than at the start, since
 * its daemon may come later than the guest. For workers, several at once too. */
int share_mount(struct error *err);
