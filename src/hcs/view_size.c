/* SPDX-License-Identifier: Apache-2.0 */
/* What things take on disk, and the volumes that there are. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hcs/view.h"
#include "service/scratch.h"

#define DEPTH_MAX 256
#define BLOCK 512 /* of st_blocks: stat(2) */

static uint64_t tree_size(int at, const char *name, unsigned depth)
{
	_cleanup_close_ int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd >= 0 && depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint64_t size = 0;

	if (!dir)
		return 0;
	(void)TAKE_FD(fd);
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			size += tree_size(dirfd(dir), entry->d_name, depth + 1);
		else if (S_ISREG(st.st_mode))
			size += (uint64_t)st.st_blocks * BLOCK;
	}
	return size;
}

uint64_t view_tree_size(int dir_fd, const char *path)
{
	return tree_size(dir_fd, path, 0);
}

uint64_t view_scratch_size(const struct record *record)
{
	/* By its path: the records of a list hold no directory open. */
	_cleanup_close_ int fd = open(record->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return 0;
	if (record->config.isolation == ISOLATION_HYPERV) {
		if (fstatat(fd, SCRATCH_DISK, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		return (uint64_t)st.st_blocks * BLOCK;
	}
	return tree_size(fd, SCRATCH_DIRECTORY "/upper", 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int view_volumes(const struct service *service, char ***ret, size_t *ret_len, struct error *err)
{
	struct dirent **entries = NULL;
	int n = scandirat(service->root_fd, "volumes", &entries, is_visible, by_name);
	char **names;
	int r = 0;

	*ret = NULL;
	*ret_len = 0;
	if (n < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "read volumes");
	names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names && r == 0) {
			names[i] = strdup(entries[i]->d_name);
			r = names[i] ? 0 : -ENOMEM;
		}
		free(entries[i]);
	}
	free(entries);
	if (!names || r < 0) {
		for (int i = 0; names && i < n; i++)
			free(names[i]);
		free(names);
		return error_oom(err);
	}
	*ret = names;
	*ret_len = (size_t)n;
	return 0;
}

bool view_volume_used(const struct record *records, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < records[i].config.volumes_len; k++) {
			const struct container_volume *volume = &records[i].config.volumes[k];

			if (volume->kind == VOLUME_NAMED && volume->source &&
			    strcmp(volume->source, name) == 0)
				return true;
		}
	return false;
}
