/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Writes cpio archives as the kernel unpacks them into its first root ("newc", initramfs
 * buffer-format.rst): deterministic, owned by root, of no date. */
#include <stddef.h>
#include <sys/types.h>

struct cpio {
	int fd; /* borrowed */
	unsigned inode;
};

/* Appends one entry; mode has the type of file, data is only for regular ones. 0 or -errno. */
int cpio_add(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t len);
/* Appends the end of the archive, up to a whole page: another archive may follow. 0 or -errno. */
int cpio_finish(struct cpio *cpio);
