/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers an image is kept for: a file each, its content the image's id. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/layout.h"

static int check_container(const char *container, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];
	size_t len = strlen(container);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)container[i]) && !strchr("_.-+", container[i]))
			len = 0;
	/* A point would be this or the parent directory, or store_replace's temporary file. */
	if (len == 0 || len > 128 || container[0] == '.')
		return error_set(err, EINVAL, "%s is no container's id",
				 json_printable(container, buf));
	return 0;
}

static int pin_quickly(struct image_store *store, const char *container, const char *image_id,
		       struct error *err)
{
	_cleanup_close_ int pins = openat(store->fd, "pins", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = pins < 0 ? -errno : file_replace(pins, container, image_id, strlen(image_id), 0600);

	return r < 0 ? error_sys(err, -r, "write %s/pins/%s", store->path, container) : 0;
}

int image_store_pin(struct image_store *store, const char *container, const char *image_id,
		    bool durable, struct error *err)
{
	_cleanup_names_ struct names names = { 0 };
	_cleanup_close_ int lock = -1;
	int r = check_container(container, err);

	if (r < 0)
		return r;
	lock = store_lock(store, "lock", LOCK_EX, err);
	r = lock < 0 ? lock : names_load(store, &names, err);
	if (r < 0)
		return r;
	if (!json_object_get(names.images, image_id))
		return error_set(err, ENOENT, "No such image: %s", image_id);
	return durable ? store_replace(store, "pins", container, image_id, err)
		       : pin_quickly(store, container, image_id, err);
}

int image_store_unpin(struct image_store *store, const char *container, struct error *err)
{
	_cleanup_close_ int lock = -1, pins = -1;
	char temporary[NAME_MAX + 1];
	int r = check_container(container, err);

	if (r < 0)
		return r;
	lock = store_lock(store, "lock", LOCK_EX, err);
	if (lock < 0)
		return lock;
	pins = openat(store->fd, "pins", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pins < 0 || (unlinkat(pins, container, 0) < 0 && errno != ENOENT))
		return error_sys(err, errno, "remove %s/pins/%s", store->path, container);
	/* Of a pin that was killed; nobody else would take this name again. */
	(void)snprintf(temporary, sizeof(temporary), ".%s.new", container);
	(void)unlinkat(pins, temporary, 0);
	return 0;
}

int store_pins(struct image_store *store, const char *id, struct strv *ret, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(store->fd, "pins", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return error_sys(err, errno, "read %s/pins", store->path);
	}
	while ((errno = 0, entry = readdir(dir))) {
		_cleanup_free_ char *text = NULL;
		size_t len;
		int r;

		if (entry->d_name[0] == '.')
			continue;
		r = file_read_regular(dirfd(dir), entry->d_name, 256, &text, &len);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return error_sys(err, -r, "read %s/pins/%s", store->path, entry->d_name);
		r = strcmp(text, id) == 0 ? store_strv_add(ret, entry->d_name, err) : 0;
		if (r < 0)
			return r;
	}
	return errno ? error_sys(err, errno, "read %s/pins", store->path) : 0;
}
