/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define SECTOR 512
#define MAP_LINE 64

/*
 * A map that puts the extents one after the other: a VMDK descriptor, the one format of QEMU's that can.
 * A "flat" extent is taken as it is, no byte of it is looked at by QEMU. One disk for all layers, since a
 * microvm has room for eight devices.
 */
static int make_map(const struct vm_disk *disk, struct error *err)
{
	static const char head[] = "# Disk DescriptorFile\n"
				   "version=1\n"
				   "CID=fffffffe\n"
				   "parentCID=ffffffff\n"
				   "createType=\"twoGbMaxExtentFlat\"\n";
	_cleanup_close_ int map = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (map < 0)
		return error_sys(err, errno, "memfd_create");
	r = fd_write_all(map, head, sizeof(head) - 1);
	for (unsigned i = 0; r == 0 && i < disk->extents; i++) {
		int fd = disk->fd + (int)i, n;
		char line[MAP_LINE];
		struct stat st;

		if (fstat(fd, &st) < 0)
			return error_sys(err, errno, "disk \"%s\"", disk->serial);
		if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size % SECTOR != 0)
			return error_set(err, EINVAL,
					 "disk \"%s\": extent %u: expected a regular file of whole "
					 "sectors",
					 disk->serial, i);
		n = snprintf(line, sizeof(line), "RW %lld FLAT \"/dev/fdset/%d\" 0\n",
			     (long long)st.st_size / SECTOR, fd);
		r = fd_write_all(map, line, (size_t)n);
	}
	if (r < 0)
		return error_sys(err, -r, "write to memory");
	if (fcntl(map, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_sys(err, errno, "seal memory");
	return TAKE_FD(map);
}

int disk_blockdev(const struct vm_disk *disk, size_t index, char buf[DISK_TEXT], int *ret_map,
		  struct error *err)
{
	struct stat st;

	*ret_map = -1;
	if (disk->extents > 1) {
		*ret_map = make_map(disk, err);
		if (*ret_map < 0)
			return *ret_map;
		/* The map alone: a memfd is open for writing, which a set must be asked for. */
		(void)snprintf(buf, DISK_TEXT,
			       "driver=vmdk,node-name=disk%zu,read-only=on,file.driver=file,"
			       "file.filename=/dev/fdset/%d,file.locking=off,file.read-only=off",
			       index, *ret_map);
		return 0;
	}
	if (fstat(disk->fd, &st) < 0)
		return error_sys(err, errno, "disk \"%s\"", disk->serial);
	/* raw, whatever its first bytes say: the guest may have written them. */
	(void)snprintf(buf, DISK_TEXT,
		       "driver=raw,node-name=disk%zu,read-only=%s,discard=unmap,file.driver=%s,"
		       "file.filename=/dev/fdset/%d,file.locking=off",
		       index, disk->readonly ? "on" : "off",
		       S_ISBLK(st.st_mode) ? "host_device" : "file", disk->fd);
	return 0;
}
