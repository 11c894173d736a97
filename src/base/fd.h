/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Descriptors: whole reads and writes, passing them, and keeping them out of containers. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Writes all of data, over short writes and EINTR. 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len);
/* Reads to the end, at most max bytes (-EFBIG beyond). *ret is terminated by a NUL beyond *ret_len;
 * caller frees. 0 or -errno. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len);
/* Opens dir_fd/path and reads it whole, as fd_read_all. */
int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len);
/* The same of a regular file only (-EINVAL: anything else): a FIFO in its place would block us for ever. */
int file_read_regular(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len);
/* Writes text to an existing file (kernel interface) in one write(2). 0 or -errno. */
int file_write(int dir_fd, const char *path, const char *text, size_t len);
/* Makes dir_fd/name hold data, whole or not at all: temporary file, then rename. 0 or -errno. */
int file_replace(int dir_fd, const char *name, const void *data, size_t len, mode_t mode);
/* Closes all descriptors from first on but those of keep (n; sorted here; negative ones are none). */
int fd_close_others(unsigned first, int *keep, size_t n);
/* Before execve: makes fds[i] the descriptor i, for all n, and closes every other. 0 or -errno. */
int fd_arrange(const int *fds, size_t n);
/* Marks every descriptor from first on close-on-exec (close_range(2)). 0 or -errno. */
int fd_cloexec_from(unsigned first);
/* Sends one message with n (≤ 32) descriptors over a Unix socket. 0 or -errno. */
int fd_send(int sock, const void *data, size_t len, const int *fds, size_t n);
/* Receives one message of at most size bytes and at most *n descriptors, all close-on-exec; *n is
 * set to how many came. Bytes received (0: end) or -errno; -EMSGSIZE when it was cut. */
ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t *n);
/* Connects to the Unix stream socket at path, also where it is longer than sun_path allows.
 * -ETIMEDOUT: who listens there has taken no connection for long. */
int unix_connect(int dir_fd, const char *path, int type);
