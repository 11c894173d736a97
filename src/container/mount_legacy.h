/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* mount(2), for options longer than fsconfig(2) takes: lowerdir= of an overlay, say. */
#include <stdbool.h>

#include "base/error.h"
#include "container/mount_step.h"

/* Whether the source or an option is too long for fsconfig(2). */
bool mount_legacy_needed(const struct mount_step *step);
/* As mount_step_run, for a step that needs it. */
int mount_legacy(struct rootfs *fs, const struct mount_step *step, struct error *err);
