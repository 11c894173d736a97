/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "base/path.h"
#include "container/mount_fd.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

#define PTS_MAJOR 136 /* first of eight: Documentation/admin-guide/devices.txt */
#define PTMX_MAJOR 5
#define PTMX_MINOR 2

/* The terminal with that number, on a devpts: not a device that an image has made. */
static int check_slave(int fd, int number, struct error *err)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return error_sys(err, errno, "stat the terminal");
	if (!S_ISCHR(st.st_mode) || fs.f_type != DEVPTS_SUPER_MAGIC ||
	    major(st.st_rdev) < PTS_MAJOR || major(st.st_rdev) >= PTS_MAJOR + 8)
		return error_set(err, ENOTTY, "the terminal is not one of a devpts");
	if (number >= 0 && (major(st.st_rdev) != PTS_MAJOR + (unsigned)number / 256 ||
			    minor(st.st_rdev) != (unsigned)number % 256))
		return error_set(err, ENOTTY,
				 "the terminal has not the number that its master says");
	return 0;
}

/* By the devpts itself where there is one on /dev/pts: /dev/ptmx is only a name (CVE-2025-52565).
 */
static int open_ptmx(struct rootfs *fs, struct error *err)
{
	const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
	_cleanup_close_ int pts = root_open_no_links(fs->root_fd, "/dev/pts", O_PATH | O_DIRECTORY);
	_cleanup_close_ int fd = -1;
	struct statfs sfs;
	struct stat st;

	if (pts >= 0 && fstatfs(pts, &sfs) == 0 && sfs.f_type == DEVPTS_SUPER_MAGIC)
		fd = path_open_strict(pts, "ptmx", flags);
	else
		fd = path_open(fs->root_fd, "/dev/ptmx", flags);
	if (fd < 0)
		return error_sys(err, -fd, "process.terminal: open /dev/ptmx");
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "process.terminal: stat /dev/ptmx");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return error_set(err, ENOTTY,
				 "process.terminal: /dev/ptmx is not the pty multiplexer");
	return TAKE_FD(fd);
}

int rootfs_open_pty(struct rootfs *fs, int *ret_master, int *ret_slave, struct error *err)
{
	_cleanup_close_ int master = open_ptmx(fs, err), slave = -1;
	int unlock = 0, number = -1, r;

	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return error_sys(err, errno, "process.terminal: unlock the pty");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return error_sys(err, errno, "process.terminal: open the pty's other end");
	r = check_slave(slave, number, err);
	if (r < 0)
		return error_wrap(err, r, "process.terminal");
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return 0;
}

/* The mount target, made as a file and never through a link. */
static int open_console(struct rootfs *fs, struct error *err)
{
	_cleanup_close_ int dev = -1, made = -1;
	int fd;

	dev = mount_target_open(fs->root_fd, "/dev", true, true, err);
	if (dev < 0)
		return dev;
	made = openat(dev, "console", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (made < 0 && errno != EEXIST)
		return error_sys(err, errno, "make /dev/console");
	fd = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open /dev/console") : fd;
}

int rootfs_bind_console(struct rootfs *fs, int slave_fd, struct error *err)
{
	_cleanup_close_ int target = -1, fd = -1, again = -1;
	struct stat want, have;
	int r = check_slave(slave_fd, -1, err);

	if (r < 0)
		return error_wrap(err, r, "/dev/console");
	target = open_console(fs, err);
	if (target < 0)
		return target;
	if (fstat(target, &have) < 0 || S_ISLNK(have.st_mode))
		return error_set(err, ELOOP, "/dev/console is a symbolic link");
	/* From the descriptor: no name of the slave is looked up that could be another file by now.
	 */
	fd = mount_fd_clone(slave_fd, "", false);
	if (fd < 0)
		return error_sys(err, -fd, "bind the terminal to /dev/console");
	r = mount_fd_attach(fd, target, err);
	if (r < 0)
		return error_wrap(err, r, "/dev/console");
	again = root_open_no_links(fs->root_fd, "/dev/console", O_PATH);
	if (again < 0 || fstat(again, &have) < 0 || fstat(slave_fd, &want) < 0 ||
	    have.st_rdev != want.st_rdev || have.st_dev != want.st_dev)
		return error_set(err, EPERM, "/dev/console was changed while it was set up");
	return 0;
}
