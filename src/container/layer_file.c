/* SPDX-License-Identifier: Apache-2.0 */
#include "container/layer_file.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/fs_context.h"

/* Others take free loop devices at the same time. */
#define LOOP_TRIES 64
#define SECTOR 512
#define EROFS_SUPER_OFFSET 1024
/* On the file, where the guest in it cannot reach it. */
#define GUEST_MARK "trusted.hcs.guest"

void layer_mounts_done(struct layer_mounts *mounts)
{
	for (size_t i = 0; i < mounts->len; i++)
		(void)close_fd(mounts->layers[i]);
	free(mounts->layers);
	(void)close_fd(mounts->scratch);
	*mounts = LAYER_MOUNTS_INIT;
}

/* A free loop device with file behind it: its descriptor, and its path. It is given back with its last
 * user: this descriptor, or the mount. */
static int loop_open(int file, uint32_t flags, char path[32], struct error *err)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (uint32_t)file,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR | flags },
	};

	if (control < 0)
		return error_sys(err, errno, "open /dev/loop-control");
	for (unsigned i = 0; i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		_cleanup_close_ int loop = -1;

		if (number < 0)
			return error_sys(err, errno, "find a free loop device");
		(void)snprintf(path, 32, "/dev/loop%d", number);
		loop = open(path, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (loop < 0)
			return error_sys(err, errno, "open %s", path);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return TAKE_FD(loop);
		if (errno != EBUSY)
			return error_sys(err, errno, "set %s up", path);
	}
	return error_set(err, EBUSY, "no loop device stays free");
}

static int mount_file(int file, const char *type, bool readonly, struct error *err)
{
	_cleanup_close_ int loop = -1, ctx = -1;
	char device[32];
	int r;

	loop = loop_open(file, readonly ? LO_FLAGS_READ_ONLY : 0, device, err);
	if (loop < 0)
		return loop;
	ctx = fs_context_open(type, err);
	if (ctx < 0)
		return ctx;
	r = fs_context_set(ctx, "source", device, err);
	if (r == 0 && readonly)
		r = fs_context_set(ctx, "ro", NULL, err);
	return r < 0 ? r : fs_context_mount(ctx, readonly ? MOUNT_ATTR_RDONLY : 0, err);
}

bool layer_file_is(const char *bundle, const char *path)
{
	_cleanup_free_ char *full = path_join(bundle, path);
	struct stat st;

	return full && stat(full, &st) == 0 && S_ISREG(st.st_mode);
}

static int open_regular(const char *bundle, const char *path, int mode, struct stat *st,
			struct error *err)
{
	_cleanup_free_ char *full = path_join(bundle, path);
	_cleanup_close_ int fd = -1;

	if (!full)
		return error_oom(err);
	/* Not blocking, should it have become something else since it was looked at. */
	fd = open(full, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, st) < 0)
		return error_sys(err, errno, "open it");
	return S_ISREG(st->st_mode) ? TAKE_FD(fd) : error_set(err, EINVAL, "not a regular file");
}

int layer_file_open(const char *bundle, const char *path, struct error *err)
{
	_cleanup_close_ int fd = -1;
	uint32_t magic = 0;
	struct stat st;

	fd = open_regular(bundle, path, O_RDONLY, &st, err);
	if (fd < 0)
		return fd;
	if (pread(fd, &magic, sizeof(magic), EROFS_SUPER_OFFSET) != (ssize_t)sizeof(magic) ||
	    le32toh(magic) != EROFS_SUPER_MAGIC_V1)
		return error_set(err, EINVAL,
				 "a layer is a directory, or an erofs image (mkfs.erofs)");
	if (st.st_size % SECTOR != 0)
		return error_set(err, EINVAL, "%lld bytes: an erofs image has whole blocks",
				 (long long)st.st_size);
	return TAKE_FD(fd);
}

int scratch_file_lock(const char *bundle, const char *path, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = open_regular(bundle, path, O_RDWR, &st, err);
	if (fd < 0)
		return fd;
	/* Two mounts of it would each write over what the other wrote. The lock is of the open file,
	 * which a loop device or a monitor keeps as long as it lives. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? error_set(err, EBUSY, "in use by another container")
					    : error_sys(err, errno, "lock it");
	return TAKE_FD(fd);
}

int scratch_file_give(int scratch, struct error *err)
{
	if (fsetxattr(scratch, GUEST_MARK, "1", 1, 0) < 0)
		return error_sys(err, errno, "mark it as written by a guest");
	return 0;
}

int scratch_file_mount(int scratch, struct error *err)
{
	/* A file system is code for the kernel that mounts it: a guest's is not for ours. */
	if (fgetxattr(scratch, GUEST_MARK, NULL, 0) >= 0)
		return error_set(err, EPERM,
				 "a utility VM has had it as its disk, and the host's kernel does "
				 "not mount what a guest may have forged: use it in hyperv "
				 "isolation, with layers that are files");
	return mount_file(scratch, "ext4", false, err);
}

static int mount_scratch(const char *bundle, const char *path, struct error *err)
{
	_cleanup_close_ int file = scratch_file_lock(bundle, path, err);

	return file < 0 ? file : scratch_file_mount(file, err);
}

static int mount_layer(const char *bundle, const char *path, struct error *err)
{
	_cleanup_close_ int file = layer_file_open(bundle, path, err);

	return file < 0 ? file : mount_file(file, "erofs", true, err);
}

int layer_mounts_open(const struct oci_spec *spec, const char *bundle, struct layer_mounts *ret,
		      struct error *err)
{
	const struct strv *folders = &spec->layer_folders;
	struct layer_mounts mounts = LAYER_MOUNTS_INIT;

	for (size_t i = 0; i < folders->len; i++) {
		bool last = i + 1 == folders->len;
		int fd;

		/* What cannot be found is said where the layers are opened. */
		if (!layer_file_is(bundle, folders->items[i]))
			continue;
		if (!last && !mounts.layers) {
			mounts.layers = malloc((folders->len - 1) * sizeof(*mounts.layers));
			if (!mounts.layers)
				return error_oom(err);
			mounts.len = folders->len - 1;
			for (size_t k = 0; k < mounts.len; k++)
				mounts.layers[k] = -1;
		}
		fd = last ? mount_scratch(bundle, folders->items[i], err)
			  : mount_layer(bundle, folders->items[i], err);
		if (fd < 0) {
			layer_mounts_done(&mounts);
			return error_wrap(err, fd, "windows.layerFolders[%zu] (%s)", i,
					  folders->items[i]);
		}
		*(last ? &mounts.scratch : &mounts.layers[i]) = fd;
	}
	*ret = mounts;
	return 0;
}
