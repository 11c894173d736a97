/* SPDX-License-Identifier: Apache-2.0 */
#include "container/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "container/devices.h"
#include "container/masks.h"
#include "container/mount_fd.h"
#include "container/mount_plan.h"
#include "container/overlay.h"
#include "container/root_move.h"
#include "container/root_propagation.h"

void rootfs_init(struct rootfs *fs)
{
	*fs = (struct rootfs){
		.files = LAYER_MOUNTS_INIT, .root_fd = -1, .proc_fd = -1, .null_fd = -1
	};
}

void rootfs_done(struct rootfs *fs)
{
	layer_mounts_done(&fs->files);
	fs->root_fd = close_fd(fs->root_fd);
	fs->proc_fd = close_fd(fs->proc_fd);
	fs->null_fd = close_fd(fs->null_fd);
	for (size_t i = 0; i < fs->late_ro_len; i++)
		(void)close_fd(fs->late_ro[i]);
	free(fs->late_ro);
	fs->late_ro = NULL;
	fs->late_ro_len = 0;
}

static bool has_mount_namespace(const struct rootfs *fs)
{
	const struct oci_linux *linux_ = fs->spec->linux_;

	return linux_ && linux_->namespaces[OCI_NS_MOUNT].present;
}

static int open_directory(struct rootfs *fs, struct error *err)
{
	_cleanup_close_ int target = open(fs->path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int r;

	if (target < 0)
		return error_sys(err, errno, "root.path %s", fs->path);
	fd = mount_fd_clone(target, "", true);
	if (fd < 0)
		return error_sys(err, -fd, "root.path %s: bind", fs->path);
	r = root_propagation_isolate(fs->spec, target, fd, err);
	if (r == 0)
		r = mount_fd_attach(fd, target, err);
	return r < 0 ? error_wrap(err, r, "root.path %s", fs->path) : TAKE_FD(fd);
}

/* Opened on the host, before an image has a say in what /dev/null is (CVE-2025-31133). */
static int open_null(struct rootfs *fs, struct error *err)
{
	struct stat st;

	fs->null_fd = mount_fd_clone(AT_FDCWD, "/dev/null", false);
	if (fs->null_fd < 0)
		return error_sys(err, -fs->null_fd, "open /dev/null");
	if (fstat(fs->null_fd, &st) < 0)
		return error_sys(err, errno, "open /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return error_set(err, ENODEV, "the host's /dev/null is not the null device");
	return 0;
}

static int run_mounts(struct rootfs *fs, struct error *err)
{
	for (size_t i = 0; i < fs->mounts->len; i++) {
		const struct mount_step *step = &fs->mounts->steps[i];
		int r = mount_step_run(fs, step, err);

		if (r < 0)
			return error_wrap(err, r, "mounts[%zu] (%s)", step->index, step->target);
	}
	return 0;
}

/* Without a mount namespace whatever was mounted or masked would be so on the host. */
static int setup_plain(struct rootfs *fs, struct error *err)
{
	const struct oci_linux *linux_ = fs->spec->linux_;
	const char *field = NULL;

	if (fs->spec->layer_folders.len > 0)
		field = "windows.layerFolders";
	else if (fs->spec->mounts.len > 0)
		field = "mounts";
	else if (fs->spec->root && fs->spec->root->readonly)
		field = "root.readonly";
	else if (linux_ && linux_->masked_paths.len > 0)
		field = "linux.maskedPaths";
	else if (linux_ && linux_->readonly_paths.len > 0)
		field = "linux.readonlyPaths";
	else if (linux_ && linux_->devices.len > 0)
		field = "linux.devices";
	if (field)
		return error_set(err, EINVAL, "%s: needs a mount namespace in linux.namespaces",
				 field);
	fs->root_fd = open(fs->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->root_fd < 0)
		return error_sys(err, errno, "root.path %s", fs->path);
	return 0;
}

static int setup(struct rootfs *fs, struct error *err)
{
	int r;

	r = root_propagation_begin(fs->spec, err);
	if (r == 0 && fs->spec->linux_->masked_paths.len > 0)
		r = open_null(fs, err);
	if (r < 0)
		return r;
	r = fs->spec->layer_folders.len > 0 ? overlay_mount(fs, err) : open_directory(fs, err);
	if (r < 0)
		return r;
	fs->root_fd = r;
	r = run_mounts(fs, err);
	return r < 0 ? r : devices_make(fs, err);
}

int rootfs_setup(struct rootfs *fs, struct error *err)
{
	mode_t mask;
	int r;

	/* Mounts and nodes get the modes that are written, whatever the caller's umask. */
	mask = umask(0);
	r = has_mount_namespace(fs) ? setup(fs, err) : setup_plain(fs, err);
	(void)umask(mask);
	if (r == 0 && fchdir(fs->root_fd) < 0)
		r = error_sys(err, errno, "enter the root");
	return r;
}

static int enter_plain(struct rootfs *fs, struct error *err)
{
	int r = fs->root_fd < 0 ? setup_plain(fs, err) : 0;

	if (r < 0)
		return r;
	if (fchdir(fs->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_sys(err, errno, "chroot to the root");
	return 0;
}

int rootfs_pivot(struct rootfs *fs, struct error *err)
{
	_cleanup_close_ int old = -1;
	bool recursive;

	if (!has_mount_namespace(fs))
		return enter_plain(fs, err);
	if (fs->no_pivot)
		return root_move(fs->root_fd, err);
	old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fchdir(fs->root_fd) < 0)
		return error_sys(err, errno, "enter the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_sys(err, errno, "pivot_root%s",
				 errno == EINVAL ? " (on an initramfs, --no-pivot is needed)" : "");
	/* The old root now lies over the new one. As a slave, so that its unmounting stays here. */
	if (root_propagation(fs->spec, &recursive) == MS_SHARED) {
		int r = mount_fd_propagate(old, MS_SLAVE, true, err);

		if (r < 0)
			return r;
	}
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys(err, errno, "leave the host's root");
	return 0;
}

int rootfs_finish(struct rootfs *fs, struct error *err)
{
	const struct mount_attrs readonly = { .set = MOUNT_ATTR_RDONLY };
	bool recursive;
	uint64_t propagation = root_propagation(fs->spec, &recursive);
	int r;

	if (!has_mount_namespace(fs))
		return 0;
	r = masks_apply(fs, err);
	for (size_t i = 0; r == 0 && i < fs->late_ro_len; i++)
		r = mount_fd_set(fs->late_ro[i], readonly, false, err);
	if (r == 0 && fs->spec->root && fs->spec->root->readonly) {
		r = mount_fd_set(fs->root_fd, readonly, false, err);
		if (r < 0)
			return error_wrap(err, r, "root.readonly");
	}
	if (r == 0 && propagation) {
		r = mount_fd_propagate(fs->root_fd, propagation, recursive, err);
		if (r < 0)
			return error_wrap(err, r, "linux.rootfsPropagation");
	}
	return r;
}
