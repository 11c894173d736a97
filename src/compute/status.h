/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a stored system is doing now: asked of the kernel each time, since nothing else stays to know. */
#include "compute/store.h"

enum compute_status stored_status(const struct stored *s);
