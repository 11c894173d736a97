/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The namespaces that the containers of this VM share (wire/message.h, GUEST_POD). */
#include <sys/types.h>

#include "base/error.h"

/* Keeps those of init, of the VM's first container, at GUEST_POD/net, ipc, uts and pid; with those of
 * another one kept already it does nothing. */
int pod_keep(pid_t init, struct error *err);
