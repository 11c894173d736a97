/* SPDX-License-Identifier: Apache-2.0 */
#include "container/overlay.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/path.h"
#include "container/fs_context.h"
#include "container/mount_fd.h"
#include "container/root_propagation.h"
#include "container/rootfs.h"

#define LOWER_MAX 500 /* the kernel's limit on layers */

struct overlay {
	int lower[LOWER_MAX]; /* topmost first */
	size_t lower_len;
	int scratch, upper, work;
	size_t on_root; /* mounts that are attached there until the overlay is made */
};

static void overlay_done(struct overlay *overlay)
{
	for (size_t i = 0; i < overlay->lower_len; i++)
		(void)close_fd(overlay->lower[i]);
	(void)close_fd(overlay->scratch);
	(void)close_fd(overlay->upper);
	(void)close_fd(overlay->work);
}

static int open_layer(struct rootfs *fs, size_t index, struct error *err)
{
	const char *layer = fs->spec->layer_folders.items[index];
	_cleanup_free_ char *path = path_join(fs->bundle ? fs->bundle : "/", layer);
	int fd;

	if (!path)
		return error_oom(err);
	/* The bundle's owner names the layers, no image does: links on the way are his. */
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "windows.layerFolders[%zu] (%s)", index, path) : fd;
}

static int refuse_in_userns(const struct rootfs *fs, size_t index, struct error *err)
{
	if (!fs->userns)
		return 0;
	return error_set(err, EOPNOTSUPP,
			 "windows.layerFolders[%zu]: in a user namespace a layer and the scratch "
			 "must be directories",
			 index);
}

/* What an overlay is made of must be in mounts that are attached somewhere, while it is made: one on the other
 * on top of our root, whose paths still resolve below, so that they cover nothing of the host's.
 * A descriptor of it. */
static int attach_on_root(struct rootfs *fs, struct overlay *overlay, int mount_fd, size_t index,
			  struct error *err)
{
	_cleanup_close_ int root = -1;
	int r, fd;

	r = refuse_in_userns(fs, index, err);
	if (r < 0)
		return r;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_sys(err, errno, "open /");
	r = root_propagation_isolate(fs->spec, root, mount_fd, err);
	if (r == 0)
		r = mount_fd_attach(mount_fd, root, err);
	if (r < 0)
		return error_wrap(err, r, "windows.layerFolders[%zu]", index);
	overlay->on_root++;
	fd = fcntl(mount_fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_sys(err, errno, "duplicate a layer's descriptor") : fd;
}

/* The overlay has mounts of its own of them by now. They may not stay: the root that is left in the pivot
 * could not be unmounted below them. Each call finds the topmost. */
static int detach_from_root(struct overlay *overlay, struct error *err)
{
	for (; overlay->on_root > 0; overlay->on_root--)
		if (umount2("/", MNT_DETACH) < 0)
			return error_sys(err, errno, "detach a layer");
	return 0;
}

/* A directory of the scratch, which containers before this one have written below: not a link. */
static int make_dir(int scratch, const char *name, mode_t mode, struct error *err)
{
	int fd;

	if (mkdirat(scratch, name, mode) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s in the scratch", name);
	fd = openat(scratch, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s in the scratch", name) : fd;
}

/* An overlay's upper directory must be in a mount that is attached somewhere: on a directory that
 * nobody looks at again by its path, since the layers are open by now, as are the sources of binds. */
static int attach_scratch(struct rootfs *fs, int target, struct error *err)
{
	int scratch = fs->files.scratch, r, fd;

	r = refuse_in_userns(fs, fs->spec->layer_folders.len - 1, err);
	if (r < 0)
		return r;
	r = root_propagation_isolate(fs->spec, target, scratch, err);
	if (r == 0)
		r = mount_fd_attach(scratch, target, err);
	if (r < 0)
		return error_wrap(err, r, "windows.layerFolders[%zu]",
				  fs->spec->layer_folders.len - 1);
	fd = fcntl(scratch, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_sys(err, errno, "duplicate the scratch's descriptor") : fd;
}

static int open_all(struct rootfs *fs, struct overlay *overlay, struct error *err)
{
	size_t len = fs->spec->layer_folders.len;
	struct stat st;
	mode_t mode = 0755;

	if (len < 2)
		return error_set(err, EINVAL,
				 "windows.layerFolders: needs at least one layer and the scratch");
	if (len - 1 > LOWER_MAX)
		return error_set(err, EINVAL, "windows.layerFolders: more than %d layers",
				 LOWER_MAX);
	for (size_t i = 0; i + 1 < len; i++) {
		bool is_file = fs->files.layers && fs->files.layers[i] >= 0;
		int fd = is_file ? attach_on_root(fs, overlay, fs->files.layers[i], i, err)
				 : open_layer(fs, i, err);

		if (fd < 0)
			return fd;
		overlay->lower[overlay->lower_len++] = fd;
	}
	if (fs->files.scratch < 0)
		overlay->scratch = open_layer(fs, len - 1, err);
	else if (overlay->on_root)
		overlay->scratch = attach_on_root(fs, overlay, fs->files.scratch, len - 1, err);
	else
		overlay->scratch = attach_scratch(fs, overlay->lower[0], err);
	if (overlay->scratch < 0)
		return overlay->scratch;
	/* The root directory shows the upper's mode: the topmost layer's is the one meant. */
	if (fstat(overlay->lower[0], &st) == 0)
		mode = st.st_mode & 07777;
	overlay->upper = make_dir(overlay->scratch, "upper", mode, err);
	if (overlay->upper < 0)
		return overlay->upper;
	overlay->work = make_dir(overlay->scratch, "work", 0700, err);
	return overlay->work < 0 ? overlay->work : 0;
}

/* By descriptors (Linux 6.13). -EBADF where fsconfig(2) takes none of O_PATH (seen with 6.12), -EINVAL
 * where overlay knows it but not that (from 6.5), -EOPNOTSUPP where the kernel feeds it a string of options
 * (before). */
static int mount_by_fds(struct rootfs *fs, const struct overlay *overlay, struct error *err)
{
	_cleanup_close_ int ctx = fs_context_open("overlay", err);
	int r = ctx;

	if (r >= 0)
		r = fs_context_set(ctx, "source", "overlay", err);
	for (size_t i = 0; r >= 0 && i < overlay->lower_len; i++)
		r = fs_context_set_fd(ctx, "lowerdir+", overlay->lower[i], err);
	if (r >= 0)
		r = fs_context_set_fd(ctx, "upperdir", overlay->upper, err);
	if (r >= 0)
		r = fs_context_set_fd(ctx, "workdir", overlay->work, err);
	/* Only user.* attributes can be written in a user namespace. */
	if (r >= 0 && fs->userns)
		r = fs_context_set(ctx, "userxattr", NULL, err);
	return r < 0 ? r : fs_context_mount(ctx, 0, err);
}

/* By mount(2) on older kernels: fsconfig(2) takes 255 bytes of lowerdir there, mount(2) a page. The
 * paths are those of our descriptors, short and safe: about 240 layers. Mounts on the scratch
 * directory. */
static int mount_by_paths(struct rootfs *fs, const struct overlay *overlay, struct error *err)
{
	char data[4096] = "lowerdir=", path[FD_PATH_MAX], upper[FD_PATH_MAX], work[FD_PATH_MAX];
	size_t used = strlen(data);
	int n;

	for (size_t i = 0; i < overlay->lower_len; i++) {
		n = snprintf(data + used, sizeof(data) - used, "%s%s", i ? ":" : "",
			     fd_path(overlay->lower[i], path));
		if (n < 0 || (size_t)n >= sizeof(data) - used)
			return error_set(err, E2BIG,
					 "windows.layerFolders: too many layers for this kernel");
		used += (size_t)n;
	}
	n = snprintf(data + used, sizeof(data) - used, ",upperdir=%s,workdir=%s%s",
		     fd_path(overlay->upper, upper), fd_path(overlay->work, work),
		     fs->userns ? ",userxattr" : "");
	if (n < 0 || (size_t)n >= sizeof(data) - used)
		return error_set(err, E2BIG,
				 "windows.layerFolders: too many layers for this kernel");
	if (mount("overlay", fd_path(overlay->scratch, path), "overlay", 0, data) < 0)
		return error_sys(err, errno, "windows.layerFolders: mount the overlay");
	return 0;
}

/* The mount that is now on top of the scratch: stepping up from inside the scratch leads onto it. */
static int open_overlay(const struct overlay *overlay, struct error *err)
{
	int fd = openat(overlay->upper, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open the overlay") : fd;
}

/* In place of what it is made of, where that does not stay; mount_fd is detached. */
static int attach_overlay(struct rootfs *fs, struct overlay *overlay, int mount_fd,
			  struct error *err)
{
	bool on_root = overlay->on_root > 0 && fs->files.scratch >= 0;
	_cleanup_close_ int root = -1;
	int r = detach_from_root(overlay, err);

	if (r < 0 || !on_root)
		return r < 0 ? r : mount_fd_attach(mount_fd, overlay->scratch, err);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? error_sys(err, errno, "open /") : mount_fd_attach(mount_fd, root, err);
}

/* It is attached to the scratch already. */
static int assemble_by_paths(struct rootfs *fs, struct overlay *overlay, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = mount_by_paths(fs, overlay, err), copy;

	if (r < 0)
		return r;
	fd = open_overlay(overlay, err);
	if (fd < 0)
		return fd;
	if (!overlay->on_root || fs->files.scratch < 0) {
		r = detach_from_root(overlay, err);
		return r < 0 ? r : TAKE_FD(fd);
	}
	copy = mount_fd_clone(fd, "", false);
	if (copy < 0)
		return error_sys(err, -copy, "windows.layerFolders: copy the overlay's mount");
	overlay->on_root++; /* itself */
	r = attach_overlay(fs, overlay, copy, err);
	if (r < 0)
		(void)close_fd(copy);
	return r < 0 ? r : copy;
}

static int assemble(struct rootfs *fs, struct overlay *overlay, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	_cleanup_close_ int fd = mount_by_fds(fs, overlay, &cause);
	int r;

	r = root_propagation_isolate(fs->spec, overlay->scratch, -1, err);
	if (r < 0)
		return r;
	if (fd >= 0) {
		r = attach_overlay(fs, overlay, fd, err);
		return r < 0 ? r : TAKE_FD(fd);
	}
	if (fd != -EBADF && fd != -EINVAL && fd != -EOPNOTSUPP) {
		error_move(err, &cause);
		return error_wrap(err, fd, "windows.layerFolders");
	}
	return assemble_by_paths(fs, overlay, err);
}

int overlay_mount(struct rootfs *fs, struct error *err)
{
	struct overlay overlay = { .scratch = -1, .upper = -1, .work = -1 };
	int r = open_all(fs, &overlay, err);

	if (r == 0)
		r = assemble(fs, &overlay, err);
	overlay_done(&overlay);
	return r;
}
