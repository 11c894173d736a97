/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/agent.h"
#include "guest/disk.h"
#include "guest/layers.h"
#include "wire/message.h"

static int mount_scratch(const struct request *request, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	const char *serial;
	char disk[DISK_NAME_MAX], device[sizeof("/dev/") + DISK_NAME_MAX];
	int r;

	if (!json_object_get(request->root, "scratch"))
		return 0;
	r = request_string(request, "scratch", &serial, err);
	if (r < 0)
		return r;
	r = disk_find(serial, disk, err);
	if (r < 0)
		return error_wrap(err, r, "scratch");
	(void)snprintf(device, sizeof(device), "/dev/%s", disk);
	if (asprintf(&path, GUEST_SCRATCH "/%s", request->id) < 0)
		return error_oom(err);
	(void)mkdir(GUEST_SCRATCH, 0711); /* a root is below it, also that of a user namespace */
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", path);
	/* discard: what is deleted is given back to the host, whose file has holes again. */
	if (mount(device, path, "ext4", MS_NOATIME | MS_NOSUID | MS_NODEV, "discard") < 0)
		return error_sys(err, errno, "mount the scratch disk \"%s\" as ext4", serial);
	return 0;
}

int bundle_lock(const char *id)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (asprintf(&path, AGENT_BUNDLES "/%s", id) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
		return -errno;
	return st.st_nlink ? TAKE_FD(fd) : -ESTALE;
}

void bundle_remove(const char *id)
{
	_cleanup_free_ char *config = NULL, *dir = NULL, *scratch = NULL;

	if (asprintf(&dir, AGENT_BUNDLES "/%s", id) >= 0 &&
	    asprintf(&config, AGENT_BUNDLES "/%s/config.json", id) >= 0) {
		(void)unlink(config);
		(void)rmdir(dir);
	}
	if (asprintf(&scratch, GUEST_SCRATCH "/%s", id) >= 0) {
		/* The overlay on it is a mount below it, and goes with it. */
		(void)umount2(scratch, MNT_DETACH);
		(void)umount2(scratch, MNT_DETACH);
		(void)rmdir(scratch);
	}
	layers_unmount(id);
}

static int write_config(const struct request *request, const char *path, struct error *err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *config = NULL;
	size_t len;
	int r;

	r = request_object(request, "config", &config, &len, err);
	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	r = file_replace(fd, "config.json", config, len, 0600);
	return r < 0 ? error_sys(err, -r, "write %s/config.json", path) : 0;
}

int bundle_make(const struct request *request, char **ret_path, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, AGENT_BUNDLES "/%s", request->id) < 0)
		return error_oom(err);
	(void)mkdir(AGENT_RUN, 0711);
	(void)mkdir(AGENT_BUNDLES, 0700);
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? error_set(err, EEXIST, "container \"%s\" already exists",
						   request->id)
				       : error_sys(err, errno, "make %s", path);
	r = write_config(request, path, err);
	if (r == 0)
		r = mount_scratch(request, err);
	if (r == 0)
		r = layers_mount(request, err);
	if (r < 0) {
		bundle_remove(request->id);
		return r;
	}
	*ret_path = TAKE_PTR(path);
	return 0;
}
