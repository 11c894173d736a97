/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/share_kernel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "container/mount_table.h"

static bool is_kernels(const char *fstype)
{
	static const char *const types[] = {
		"proc",       "sysfs",   "cgroup",      "cgroup2", "devpts",    "debugfs",
		"tracefs",    "bpf",     "securityfs",  "mqueue",  "configfs",  "pstore",
		"efivarfs",   "fusectl", "binfmt_misc", "nsfs",    "selinuxfs", "smackfs",
		"rpc_pipefs", "nfsd",    "resctrl",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(fstype, types[i]) == 0)
			return true;
	return false;
}

/* Directories that the VM is given whole. */
struct shown {
	char **paths; /* resolved; NULL: one that is not there, which is for others to say */
	size_t len;
};

static void shown_done(struct shown *shown)
{
	for (size_t i = 0; shown->paths && i < shown->len; i++)
		free(shown->paths[i]);
	free(shown->paths);
}

static int shown_find(const struct share *share, struct shown *ret, struct error *err)
{
	ret->paths = calloc(share->mounts->len + 1, sizeof(*ret->paths));
	if (!ret->paths)
		return error_oom(err);
	if (share->spec->layer_folders.len == 0)
		ret->paths[ret->len++] = realpath(share->rootfs, NULL);
	for (size_t i = 0; i < share->mounts->len; i++) {
		const struct mount_step *step = &share->mounts->steps[i];
		_cleanup_free_ char *path = NULL;

		if (step->kind != MOUNT_KIND_BIND || !step->options.rbind)
			continue;
		path = path_join(share->bundle, step->mount->source);
		if (!path)
			return error_oom(err);
		ret->paths[ret->len++] = realpath(path, NULL);
	}
	return 0;
}

static bool is_shown(const struct shown *shown, const char *point)
{
	for (size_t i = 0; i < shown->len; i++)
		if (shown->paths[i] && mount_path_below(point, shown->paths[i]))
			return true;
	return false;
}

/* What is covered by another mount cannot be reached, and to unmount by its path would uncover it. */
static bool is_on_top(const struct mount_entry *entry)
{
	struct statx stx;

	return statx(AT_FDCWD, entry->point, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID,
		     &stx) == 0 &&
	       stx.stx_mnt_id == (uint64_t)entry->id;
}

int share_leave_kernel_out(const struct share *share, struct error *err)
{
	_cleanup_mount_table_ struct mount_table table = { 0 };
	_cleanup_(shown_done) struct shown shown = { 0 };
	int r = shown_find(share, &shown, err);

	if (r == 0)
		r = mount_table_read(getpid(), &table, err);
	/* The latest first: it is above what it was mounted on. */
	for (size_t k = table.len; r == 0 && k > 0; k--) {
		const struct mount_entry *entry = &table.items[k - 1];

		if (is_kernels(entry->fstype) && is_shown(&shown, entry->point) &&
		    is_on_top(entry) && umount2(entry->point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			r = error_sys(err, errno, "leave %s out of the VM's share", entry->point);
	}
	return r;
}
