/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the host's kernel shows of itself (proc, sysfs and their like), mounted below a directory that a
 * VM is given whole, would reach it by the share's daemon, which is root: it stays out.
 */
#include "base/error.h"
#include "compute/hyperv/share.h"

/* Takes it away in the caller's mount namespace, which must be a copy that leads no other. /proc may go
 * with it. 0 or -errno. */
int share_leave_kernel_out(const struct share *share, struct error *err);
