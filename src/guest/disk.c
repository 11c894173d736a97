/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define SERIAL_MAX 20 /* of a virtio disk */
#define SECTOR 512

int disk_find(const char *serial, char name[DISK_NAME_MAX], struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;

	if (!*serial || strlen(serial) > SERIAL_MAX)
		return error_set(err, EINVAL, "a disk's serial number has 1 to %d characters",
				 SERIAL_MAX);
	dir = opendir("/sys/block");
	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *text = NULL, *path = NULL;
		size_t len;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= DISK_NAME_MAX)
			continue;
		if (asprintf(&path, "%s/serial", entry->d_name) < 0) {
			path = NULL;
			return error_oom(err);
		}
		if (file_read(dirfd(dir), path, 4096, &text, &len) < 0 || strcmp(text, serial) != 0)
			continue;
		(void)snprintf(name, DISK_NAME_MAX, "%s", entry->d_name);
		return 0;
	}
	return error_set(err, ENODEV, "the VM has no disk with serial number \"%s\"", serial);
}

/* A partition's property, in sectors; 0: none. */
static uint64_t sectors_of(const char *name, unsigned number, const char *property)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	size_t len;

	if (asprintf(&path, "/sys/block/%s/%s%u/%s", name, name, number, property) < 0) {
		path = NULL;
		return 0;
	}
	return file_read(AT_FDCWD, path, 64, &text, &len) < 0 ? 0 : strtoull(text, NULL, 10);
}

int disk_partition(const char *name, unsigned number, uint64_t start, uint64_t size,
		   struct error *err)
{
	struct blkpg_partition partition = {
		.start = (long long)start,
		.length = (long long)size,
		.pno = (int)number,
	};
	struct blkpg_ioctl_arg request = { .op = BLKPG_ADD_PARTITION,
					   .datalen = sizeof(partition),
					   .data = &partition };
	_cleanup_close_ int fd = -1;
	char path[sizeof("/dev/") + DISK_NAME_MAX];
	int code;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	if (ioctl(fd, BLKPG, &request) == 0)
		return 0;
	code = errno;
	/* Left by a container that was here before, of the same layers. */
	if (code == EBUSY && sectors_of(name, number, "start") == start / SECTOR &&
	    sectors_of(name, number, "size") == size / SECTOR)
		return 0;
	return error_sys(err, code, "partition %u of %s: %" PRIu64 " bytes at %" PRIu64, number,
			 path, size, start);
}
