/* SPDX-License-Identifier: Apache-2.0 */
#include "container/scratch_file.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/path.h"
#include "container/fs_context.h"

/* Others take free loop devices at the same time. */
#define LOOP_TRIES 64

/* A free loop device with file behind it: its descriptor, and its path. It is given back with its last
 * user: this descriptor, or the mount. */
static int loop_open(int file, char path[32], struct error *err)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (uint32_t)file,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};

	if (control < 0)
		return error_sys(err, errno, "open /dev/loop-control");
	for (unsigned i = 0; i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		_cleanup_close_ int loop = -1;

		if (number < 0)
			return error_sys(err, errno, "find a free loop device");
		(void)snprintf(path, 32, "/dev/loop%d", number);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			return error_sys(err, errno, "open %s", path);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return TAKE_FD(loop);
		if (errno != EBUSY)
			return error_sys(err, errno, "set %s up", path);
	}
	return error_set(err, EBUSY, "no loop device stays free");
}

static int mount_ext4(const char *device, struct error *err)
{
	_cleanup_close_ int ctx = fs_context_open("ext4", err);
	int r = ctx;

	if (r >= 0)
		r = fs_context_set(ctx, "source", device, err);
	return r < 0 ? r : fs_context_mount(ctx, 0, err);
}

static int open_file(int file, struct error *err)
{
	_cleanup_close_ int loop = -1;
	char device[32];

	/* Two mounts of it would each write over what the other wrote. The lock is of the open file,
	 * which the loop device keeps as long as it lives. */
	if (flock(file, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? error_set(err, EBUSY, "in use by another container")
					    : error_sys(err, errno, "lock it");
	loop = loop_open(file, device, err);
	return loop < 0 ? loop : mount_ext4(device, err);
}

int scratch_file_open(const struct oci_spec *spec, const char *bundle, int *ret_fd,
		      struct error *err)
{
	const size_t len = spec->layer_folders.len;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int file = -1;
	struct stat st;
	int r;

	*ret_fd = -1;
	if (len == 0)
		return 0;
	path = path_join(bundle, spec->layer_folders.items[len - 1]);
	if (!path)
		return error_oom(err);
	/* What cannot be found is said where the layers are opened. */
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	/* Not blocking, should it have become something else since. */
	file = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return error_sys(err, errno, "windows.layerFolders[%zu] (%s)", len - 1, path);
	r = open_file(file, err);
	if (r < 0)
		return error_wrap(err, r, "windows.layerFolders[%zu] (%s)", len - 1, path);
	*ret_fd = r;
	return 0;
}
