/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whole directories, by descriptors: no link in them is followed. */
#include "base/error.h"

/* Copies what is in the directory from into the empty directory to: files, directories, links, FIFOs and
 * devices, with owner, mode, times and extended attributes; and those of from itself. Sockets are left
 * out. Names of one file become files of their own. -ELOOP: too deep. */
int tree_copy(int from, int to, struct error *err);
/* Removes dir/name with all below it. No error when it is not there. */
int tree_remove(int dir, const char *name, struct error *err);
