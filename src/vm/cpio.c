/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/cpio.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define HEADER_LEN 110
#define PAGE 4096

static int pad(int fd, size_t len, size_t to)
{
	static const char zeros[PAGE];

	return fd_write_all(fd, zeros, -len & (to - 1));
}

int cpio_add(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t len)
{
	size_t name_size = strlen(name) + 1;
	char header[HEADER_LEN + 1];
	int r;

	if (len > UINT32_MAX || name_size > PAGE)
		return -EFBIG;
	/* inode, mode, uid, gid, links, mtime, size, device, special device, name's size, check */
	(void)snprintf(header, sizeof(header),
		       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++cpio->inode,
		       mode, 0, 0, S_ISDIR(mode) ? 2 : 1, 0, (unsigned)len, 0, 0, 0, 0,
		       (unsigned)name_size, 0);
	r = fd_write_all(cpio->fd, header, HEADER_LEN);
	if (r == 0)
		r = fd_write_all(cpio->fd, name, name_size);
	if (r == 0)
		r = pad(cpio->fd, HEADER_LEN + name_size, 4);
	if (r == 0 && len)
		r = fd_write_all(cpio->fd, data, len);
	return r < 0 ? r : pad(cpio->fd, len, 4);
}

int cpio_finish(struct cpio *cpio)
{
	int r = cpio_add(cpio, "TRAILER!!!", 0, NULL, 0);
	off_t end = r < 0 ? r : lseek(cpio->fd, 0, SEEK_CUR);

	if (r < 0 || end < 0)
		return r < 0 ? r : -errno;
	return pad(cpio->fd, (size_t)end, PAGE);
}
