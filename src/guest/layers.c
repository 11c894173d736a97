/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/layers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/overlay.h"
#include "container/rootfs.h"
#include "guest/disk.h"
#include "wire/message.h"

#define LAYERS_MAX 128
#define BLOCK 512
#define SIZE_MAX_SUM ((json_int_t)1 << 50)

static char *layer_path(const char *id, size_t index)
{
	char *path;

	return asprintf(&path, GUEST_LAYERS "/%s/%zu", id, index) < 0 ? NULL : path;
}

static int mount_layer(const char *disk, const char *id, size_t index, uint64_t start,
		       uint64_t size, struct error *err)
{
	_cleanup_free_ char *path = layer_path(id, index);
	char device[sizeof("/dev/") + DISK_NAME_MAX + 8];
	unsigned number = (unsigned)index + 1;
	int r = disk_partition(disk, number, start, size, err);

	if (r < 0)
		return r;
	if (!path)
		return error_oom(err);
	(void)snprintf(device, sizeof(device), "/dev/%s%u", disk, number);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", path);
	if (mount(device, path, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME, NULL) < 0)
		return error_sys(err, errno, "mount it as erofs");
	return 0;
}

static int mount_layers(const char *id, json_t *layers, size_t *ret_len, struct error *err)
{
	json_t *sizes = json_object_get(layers, "sizes");
	const char *serial = json_string_value(json_object_get(layers, "disk"));
	size_t len = json_array_size(sizes);
	_cleanup_free_ char *dir = NULL;
	char disk[DISK_NAME_MAX];
	json_int_t start = 0;
	int r;

	if (!serial || len == 0 || len > LAYERS_MAX)
		return error_set(err, EINVAL, "layers: expected \"disk\" and 1 to %d \"sizes\"",
				 LAYERS_MAX);
	r = disk_find(serial, disk, err);
	if (r < 0)
		return error_wrap(err, r, "layers.disk");
	(void)mkdir(GUEST_LAYERS, 0700);
	if (asprintf(&dir, GUEST_LAYERS "/%s", id) < 0) {
		dir = NULL;
		return error_oom(err);
	}
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", dir);
	for (size_t i = 0; i < len; i++) {
		json_int_t size = json_integer_value(json_array_get(sizes, i));

		if (size <= 0 || size % BLOCK != 0 || size > SIZE_MAX_SUM - start)
			return error_set(err, EINVAL, "layers.sizes[%zu]: expected whole sectors",
					 i);
		r = mount_layer(disk, id, i, (uint64_t)start, (uint64_t)size, err);
		if (r < 0)
			return error_wrap(err, r, "windows.layerFolders[%zu]", i);
		start += size;
	}
	*ret_len = len;
	return 0;
}

/* The engine's overlay, over the scratch: what it finds there is a root directory like any other. Here
 * and not in the engine, so that a container in a user namespace has the same root. */
static int mount_overlay(const char *id, size_t len, struct error *err)
{
	struct oci_spec spec = { 0 };
	_cleanup_free_ char **folders = calloc(len + 2, sizeof(*folders));
	struct rootfs fs;
	bool whole = folders;
	int r;

	for (size_t i = 0; whole && i < len; i++)
		whole = (folders[i] = layer_path(id, i));
	if (whole && asprintf(&folders[len], GUEST_SCRATCH "/%s", id) < 0) {
		folders[len] = NULL;
		whole = false;
	}
	if (whole) {
		rootfs_init(&fs);
		spec.layer_folders = (struct strv){ .items = folders, .len = len + 1 };
		fs.spec = &spec;
		r = overlay_mount(&fs, err);
		(void)close_fd(r);
		rootfs_done(&fs);
	} else {
		r = error_oom(err);
	}
	for (size_t i = 0; folders && i <= len; i++)
		free(folders[i]);
	return r < 0 ? r : 0;
}

int layers_mount(const struct request *request, struct error *err)
{
	json_t *layers = json_object_get(request->root, "layers");
	size_t len = 0;
	int r;

	if (!layers)
		return 0;
	if (!json_object_get(request->root, "scratch"))
		return error_set(err, EINVAL, "layers: without a \"scratch\"");
	r = mount_layers(request->id, layers, &len, err);
	return r < 0 ? r : mount_overlay(request->id, len, err);
}

void layers_unmount(const char *id)
{
	_cleanup_free_ char *dir = NULL;

	if (asprintf(&dir, GUEST_LAYERS "/%s", id) < 0) {
		dir = NULL;
		return;
	}
	for (size_t i = 0; i < LAYERS_MAX && access(dir, F_OK) == 0; i++) {
		_cleanup_free_ char *path = layer_path(id, i);

		if (!path || access(path, F_OK) < 0)
			break;
		(void)umount2(path, MNT_DETACH);
		(void)rmdir(path);
	}
	(void)rmdir(dir);
}
