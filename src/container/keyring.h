/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"

/* Gives the caller a session keyring of its own, "_ses.<id>", so that the host's keys do not reach
 * the container; with_label: SELinux key creation label set by the caller. ENOSYS is no error. */
int keyring_join_session(const char *id, struct error *err);
