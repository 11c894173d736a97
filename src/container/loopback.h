/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"

/* Brings lo of the calling thread's network namespace up: a new one has it down, and every engine
 * expects it up. Needs CAP_NET_ADMIN in the namespace. */
int loopback_up(struct error *err);
