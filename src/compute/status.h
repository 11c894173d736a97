/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a stored system is doing now: asked of the kernel each time, since nothing else stays to
 * know. */
#include "compute/store.h"

enum compute_status stored_status(const struct stored *s);
/* The same without asking the start socket: a container whose `start` was killed at the very moment
 * of starting it is then said to be created. Asking wakes the waiting init, which 1,000 times is
 * too dear. */
enum compute_status stored_status_quick(const struct stored *s);
