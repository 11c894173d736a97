/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of containers. */
#include "base/error.h"

#define NAME_MAX_LEN 200

/* Docker's rule: a letter or digit, then at least one of those or "_.-". -EINVAL in docker's words. */
int name_check(const char *name, struct error *err);
/* Something a person can remember: "quiet_river". attempt > 3: with a number. Caller frees; NULL without
 * memory. */
char *name_invent(unsigned attempt);
/* n bytes as 2n hex digits, from the kernel. */
void random_hex(char *ret, size_t n);
