/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Removing trees of files that someone else made. */

/* Removes dir_fd/name whatever it is, with all below it. By descriptors, following no link, with three
 * of them however deep the tree is (a directory found below is moved up first). 0, also where there is
 * nothing, or -errno; then some may be left. */
int remove_tree(int dir_fd, const char *name);
