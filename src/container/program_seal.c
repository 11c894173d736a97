/* SPDX-License-Identifier: Apache-2.0 */
#include "container/program_seal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* statvfs tells of the mount that the file was executed through, not of others of its file system.
 */
static bool is_sealed(int exe)
{
	_cleanup_close_ int file = -1;
	struct statvfs vfs;
	int seals;

	if (fstatvfs(exe, &vfs) == 0 && vfs.f_flag & ST_RDONLY)
		return true;
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	seals = file < 0 ? -1 : fcntl(file, F_GET_SEALS);
	return seals > 0 && (seals & SEALS) == SEALS;
}

static int clone_read_only(int exe)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_close_ int tree = -1;

	tree = (int)syscall(SYS_open_tree, exe, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return TAKE_FD(tree);
}

static int copy_sealed(void)
{
	_cleanup_close_ int copy = -1, file = -1;
	struct stat st;
	off_t done = 0;

	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	copy = memfd_create("runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0 || copy < 0 || fstat(file, &st) < 0)
		return -errno;
	while (done < st.st_size) {
		ssize_t n = sendfile(copy, file, &done, (size_t)(st.st_size - done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	if (fchmod(copy, 0555) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return TAKE_FD(copy);
}

int program_seal(char **argv, struct error *err)
{
	_cleanup_close_ int exe = open("/proc/self/exe", O_PATH | O_CLOEXEC), program = -1;
	const char *slash = strrchr(argv[0], '/');

	if (exe < 0)
		return error_sys(err, errno, "open /proc/self/exe (is /proc mounted?)");
	if (is_sealed(exe)) {
		/* Executed through a descriptor, the kernel calls us by its number. */
		(void)prctl(PR_SET_NAME, slash ? slash + 1 : argv[0]);
		return 0;
	}
	program = clone_read_only(exe);
	if (program == -EPERM || program == -EINVAL || program == -ENOSYS)
		program = copy_sealed();
	if (program < 0)
		return error_sys(err, -program, "protect the runtime's program from the container");
	(void)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
	return error_sys(err, errno, "execute the protected program");
}
