/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/output.h"

/* The lines that engines look for: "runhcs version …", "commit: …", "spec: …". */
void version_print(struct output *out);
