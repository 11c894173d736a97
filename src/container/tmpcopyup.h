/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The tmpcopyup option: a tmpfs begins with what was in the directory it is mounted on. */
#include "base/error.h"

/* Copies the content of the directory from (O_PATH) into the directory to, with owners, modes,
 * times, extended attributes and links; descriptors only, no link followed. The tree is an image's:
 * at most 64 levels and 1,000,000 entries (-E2BIG). 0 or -errno. */
int tmpcopyup(int from, int to, struct error *err);
