/* SPDX-License-Identifier: Apache-2.0 */
#include "vmwp/jail.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/root_move.h"
#include "vm/machine.h"

#define HARMLESS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* What programs are loaded from. On merged systems all but /usr are links into it. */
static const char *const program_paths[] = { "/usr", "/lib",  "/lib64",          "/lib32",
					     "/bin", "/sbin", "/etc/ld.so.cache" };
static const char *const device_paths[] = { "/dev/null", "/dev/zero", "/dev/urandom" };

static int tmpfs_new(const char *size, const char *inodes, uint64_t attributes, struct error *err)
{
	_cleanup_close_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_sys(err, errno, "tmpfs");
	fd = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? error_sys(err, errno, "tmpfs") : fd;
}

/* Makes the directories above path, which is relative to root. */
static int make_parents(int root, const char *path, struct error *err)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make /%s", part);
	}
	return 0;
}

/* Attaches a copy of the host's file or directory source at target in root. */
static int show(int root, const char *source, const char *target, uint64_t attributes,
		struct error *err)
{
	/* Without what is mounted below. */
	_cleanup_close_ int tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
	struct stat st;
	int r;

	if (tree < 0 || fstat(tree, &st) < 0)
		return error_sys(err, errno, "%s", source);
	r = make_parents(root, target, err);
	if (r < 0)
		return r;
	r = S_ISDIR(st.st_mode) ? mkdirat(root, target, 0755)
				: mknodat(root, target, S_IFREG | 0644, 0);
	if (r < 0)
		return error_sys(err, errno, "make /%s", target);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
	    move_mount(tree, "", root, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "show %s", source);
	return 0;
}

static int show_programs(int root, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_paths); i++) {
		const char *path = program_paths[i];
		char link[PATH_MAX];
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		int r = 0;

		if (n >= 0) {
			link[n] = '\0';
			if (symlinkat(link, root, path + 1) < 0)
				return error_sys(err, errno, "make %s", path);
		} else if (errno == EINVAL) {
			r = show(root, path, path + 1, MOUNT_ATTR_RDONLY | HARMLESS, err);
		} else if (errno != ENOENT) {
			return error_sys(err, errno, "%s", path);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The kernel and the initramfs are read by the monitor, under its own user. */
static int show_guest_file(int root, const char *source, const char *target, uint32_t uid,
			   struct error *err)
{
	struct stat st;

	if (stat(source, &st) < 0)
		return error_sys(err, errno, "%s", source);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s: not a regular file", source);
	if (uid && !(st.st_mode & S_IROTH))
		return error_set(err, EACCES,
				 "%s: the monitor cannot read it (chmod a+r, or copy it)", source);
	return show(root, source, target + 1, MOUNT_ATTR_RDONLY | HARMLESS | MOUNT_ATTR_NOEXEC,
		    err);
}

/* The share's daemon mounts a procfs of its own, in its own namespaces; before that it wants to read
 * a limit, which it then does not use (--rlimit-nofile=0). No procfs for that. */
static int make_proc(int root, struct error *err)
{
	static const char file[] = "proc/sys/fs/file-max", limit[] = "1048576\n";
	_cleanup_close_ int fd = -1;
	int r = make_parents(root, file, err);

	if (r < 0)
		return r;
	fd = openat(root, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return error_sys(err, errno, "make /%s", file);
	r = fd_write_all(fd, limit, sizeof(limit) - 1);
	return r < 0 ? error_sys(err, -r, "write /%s", file) : 0;
}

/* /dev/kvm is the monitor's, whoever may use the host's: a node of its own. */
static int make_kvm(int root, uint32_t uid, struct error *err)
{
	static const char path[] = "/dev/kvm";
	_cleanup_close_ int fs = -1;
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, errno, "%s", path);
	fs = tmpfs_new("4k", "8", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (fs < 0)
		return fs;
	/* On a file system of its own, since the root has no devices. */
	if (mknodat(fs, "kvm", S_IFCHR | 0600, st.st_rdev) < 0 ||
	    (uid && fchownat(fs, "kvm", uid + 1, uid + 1, 0) < 0) ||
	    mkdirat(root, "dev/node", 0755) < 0 || symlinkat("node/kvm", root, path + 1) < 0 ||
	    mount_setattr(fs, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0 ||
	    move_mount(fs, "", root, "dev/node", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "make a node for %s", path);
	return 0;
}

static int attach_share(int root, struct error *err)
{
	/* Room for the directories and files that mounts are attached to. */
	_cleanup_close_ int share = tmpfs_new("4m", "32768", HARMLESS | MOUNT_ATTR_NOEXEC, err);
	struct mount_attr shared = { .propagation = MS_SHARED };

	if (share < 0)
		return share;
	if (mkdirat(root, VM_SHARE_ROOT + 1, 0755) < 0 ||
	    move_mount(share, "", root, VM_SHARE_ROOT + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    mount_setattr(share, "", AT_EMPTY_PATH, &shared, sizeof(shared)) < 0)
		return error_sys(err, errno, "attach %s", VM_SHARE_ROOT);
	return 0;
}

static int fill_root(int root, const struct vm_settings *settings, struct error *err)
{
	int r = show_programs(root, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(device_paths); i++)
		r = show(root, device_paths[i], device_paths[i] + 1,
			 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (r == 0 && settings->accelerator == VM_KVM)
		r = make_kvm(root, settings->uid, err);
	if (r == 0)
		r = show_guest_file(root, settings->kernel, MACHINE_KERNEL, settings->uid, err);
	if (r == 0)
		r = show_guest_file(root, settings->initrd, MACHINE_INITRD, settings->uid, err);
	if (r == 0)
		r = make_proc(root, err);
	return r < 0 ? r : attach_share(root, err);
}

static int leave_host(int root, struct error *err)
{
	if (fchdir(root) < 0)
		return error_sys(err, errno, "enter the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		/* An initramfs as the host's root cannot be pivoted away. */
		if (errno == EINVAL)
			return root_move(root, err);
		return error_sys(err, errno, "pivot_root");
	}
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys(err, errno, "leave the host's root");
	return 0;
}

int jail_enter(const struct vm_settings *settings, struct error *err)
{
	_cleanup_close_ int root = -1;
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	int r;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return error_sys(err, errno, "unshare namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, errno, "make mounts private");
	root = tmpfs_new("64k", "128", HARMLESS | MOUNT_ATTR_NOEXEC, err);
	if (root < 0)
		return root;
	/* Over the old root, whose paths still resolve below it: it needs no directory of the host. */
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "attach the root");
	r = fill_root(root, settings, err);
	if (r == 0)
		r = leave_host(root, err);
	if (r == 0 && mount_setattr(root, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		r = error_sys(err, errno, "make the root read-only");
	return r < 0 ? error_wrap(err, r, "the VM's root") : 0;
}
