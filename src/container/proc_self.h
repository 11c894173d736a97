/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens a file of the calling thread below proc_fd, the root of a procfs known to be one; file as
 * in "self/oom_score_adj" or "thread-self/attr/exec". Those two first components are links of the
 * kernel's own making; nothing mounted over any part is crossed. A descriptor or -errno. */
int proc_self_open(int proc_fd, const char *file, int flags);
/* Writes text (len bytes) to such a file in one write(2). 0 or -errno. */
int proc_self_write(int proc_fd, const char *file, const char *text, unsigned long len);
