/* SPDX-License-Identifier: Apache-2.0 */
#include "container/root_propagation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "container/mount_fd.h"

uint64_t root_propagation(const struct oci_spec *spec, bool *ret_recursive)
{
	static const struct {
		const char *name;
		uint64_t type;
	} types[] = {
		{ "shared", MS_SHARED },
		{ "slave", MS_SLAVE },
		{ "private", MS_PRIVATE },
		{ "unbindable", MS_UNBINDABLE },
	};
	const struct oci_linux *linux_ = spec->linux_;
	const char *name = linux_ ? linux_->rootfs_propagation : NULL;

	*ret_recursive = name && name[0] == 'r';
	for (size_t i = 0; name && i < ARRAY_SIZE(types); i++)
		if (strcmp(name + *ret_recursive, types[i].name) == 0)
			return types[i].type;
	return 0;
}

int root_propagation_begin(const struct oci_spec *spec, struct error *err)
{
	struct mount_attr attr = { .propagation = MS_SLAVE };
	bool recursive;

	switch (root_propagation(spec, &recursive)) {
	case MS_SHARED:
		return 0;
	case MS_PRIVATE:
	case MS_UNBINDABLE: /* as such it could not be bound any more, so not before the end */
		attr.propagation = MS_PRIVATE;
		break;
	default:
		break;
	}
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return error_sys(err, errno, "linux.rootfsPropagation: set on /");
	return 0;
}

/* Under "shared" pivot_root(2) too wants the mount that the root is in private. Only a mount's root
 * can be changed, so it is looked for upwards. */
static int make_parent_private(int dir_fd, struct error *err)
{
	_cleanup_close_ int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	while (fd >= 0) {
		struct statx stx;
		int up;

		if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) < 0)
			break;
		if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return mount_fd_propagate(fd, MS_PRIVATE, false, err);
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close_fd(fd);
		fd = up;
	}
	return error_sys(err, errno, "find the mount that the root is in");
}

int root_propagation_isolate(const struct oci_spec *spec, int target_fd, int root_fd,
			     struct error *err)
{
	bool recursive;
	int r;

	if (root_propagation(spec, &recursive) != MS_SHARED)
		return 0;
	r = make_parent_private(target_fd, err);
	return r < 0 || root_fd < 0 ? r : mount_fd_propagate(root_fd, MS_PRIVATE, true, err);
}
