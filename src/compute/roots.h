/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which directories of state there are on this machine: a link for each, named by a hash of its path,
 * below /run/hcs/roots, so that all compute systems can be found whoever made them.
 */
#include <stddef.h>

#include "base/error.h"

/* Notes that path (absolute) is one. Best effort: an ordinary user's are not noted. */
void compute_roots_note(const char *path);
/* The absolute paths of those that are there, sorted. Links to directories that have gone are removed on
 * the way. Caller frees each and the list. */
int compute_roots_list(char ***ret, size_t *ret_len, struct error *err);
