/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_legacy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/path.h"
#include "container/fs_context.h"
#include "container/mount_fd.h"
#include "container/mount_target.h"
#include "container/rootfs.h"

#define DATA_MAX 4096 /* mount(2) copies a page */

bool mount_legacy_needed(const struct mount_step *step)
{
	if (step->kind == MOUNT_KIND_BIND)
		return false;
	if (step->mount->source && strlen(step->mount->source) > FS_CONTEXT_VALUE_MAX)
		return true;
	for (size_t i = 0; i < step->options.data_len; i++) {
		const char *value = step->options.data[i].value;

		if (value && strlen(value) > FS_CONTEXT_VALUE_MAX)
			return true;
	}
	return false;
}

static unsigned long flags_of(const struct mount_step *step)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} attrs[] = {
		{ MOUNT_ATTR_RDONLY, MS_RDONLY },
		{ MOUNT_ATTR_NOSUID, MS_NOSUID },
		{ MOUNT_ATTR_NODEV, MS_NODEV },
		{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		{ MOUNT_ATTR_NOATIME, MS_NOATIME },
		{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
		{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
		{ MOUNT_ATTR_NOSYMFOLLOW, 256 /* MS_NOSYMFOLLOW */ },
	};
	static const struct {
		enum mount_sb_flag sb;
		unsigned long flag;
	} sbs[] = {
		{ MOUNT_SB_SYNC, MS_SYNCHRONOUS },   { MOUNT_SB_DIRSYNC, MS_DIRSYNC },
		{ MOUNT_SB_MAND, MS_MANDLOCK },      { MOUNT_SB_LAZYTIME, MS_LAZYTIME },
		{ MOUNT_SB_IVERSION, MS_I_VERSION },
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if ((step->options.attrs.set | step->options.rec_attrs.set) & attrs[i].attr)
			flags |= attrs[i].flag;
	for (size_t i = 0; i < ARRAY_SIZE(sbs); i++)
		if (step->options.sb_flags & sbs[i].sb)
			flags |= sbs[i].flag;
	return flags;
}

static int join_data(const struct mount_step *step, char *buf, struct error *err)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < step->options.data_len; i++) {
		const struct mount_data *data = &step->options.data[i];
		int n = snprintf(buf + used, DATA_MAX - used, "%s%s%s%s", used ? "," : "",
				 data->key, data->value ? "=" : "", data->value ? data->value : "");

		if (n < 0 || (size_t)n >= DATA_MAX - used)
			return error_set(err, E2BIG,
					 "options: longer than the %d bytes that mount(2) takes",
					 DATA_MAX - 1);
		used += (size_t)n;
	}
	return 0;
}

static int propagate(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct statx stx;
	int r = 0;

	if (step->options.propagations_len == 0)
		return 0;
	fd = root_open_no_links(fs->root_fd, step->target, O_PATH);
	if (fd < 0)
		return error_sys(err, -fd, "set mount propagation");
	if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) < 0 ||
	    !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return error_set(err, EPERM, "the target was changed while it was mounted on");
	for (size_t i = 0; r == 0 && i < step->options.propagations_len; i++)
		r = mount_fd_propagate(fd, step->options.propagations[i].type,
				       step->options.propagations[i].recursive, err);
	return r;
}

int mount_legacy(struct rootfs *fs, const struct mount_step *step, struct error *err)
{
	const char *type = step->mount->type, *source = step->mount->source;
	char data[DATA_MAX], path[FD_PATH_MAX];
	_cleanup_close_ int target = -1;
	int r;

	if (step->idmapped || step->options.tmpcopyup)
		return error_set(err, EINVAL,
				 "options: longer than the %d bytes that an idmapped or copied-up "
				 "mount allows",
				 FS_CONTEXT_VALUE_MAX);
	r = join_data(step, data, err);
	if (r < 0)
		return r;
	target = mount_target_open(fs->root_fd, step->target, true, step->no_links, err);
	if (target < 0)
		return target;
	if (mount(source && *source ? source : type, fd_path(target, path), type, flags_of(step),
		  data) < 0)
		return error_sys(err, errno, "mount a file system of type \"%s\"", type);
	return propagate(fs, step, err);
}
