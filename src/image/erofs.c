/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "image/layer_erofs.h"
#include "image/layout.h"

/* From a layer's folder to the image beside it; *path (owned by the caller) is changed. A layer that no image
 * can be made of stays a folder, which a VM gets by virtio-fs: the same content, more slowly. */
static int make_beside(char **path, struct error *err)
{
	_cleanup_close_ int dir = -1;
	char *slash = strrchr(*path, '/'), *made;
	int r;

	*slash = '\0';
	dir = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "layer %s", *path);
	r = layer_erofs_make(dir, err);
	if (r == -ENAMETOOLONG && !err->code) {
		*slash = '/';
		return 0;
	}
	if (r < 0)
		return error_wrap(err, r, "%s/" LAYER_EROFS, *path);
	if (asprintf(&made, "%s/" LAYER_EROFS, *path) < 0)
		return error_oom(err);
	free(*path);
	*path = made;
	return 0;
}

int image_store_erofs(struct image_store *store, const struct image *image, char ***ret,
		      size_t *ret_len, struct error *err)
{
	/* A layer that is being looked at is not collected meanwhile. */
	_cleanup_close_ int hold = store_lock(store, "gc", LOCK_SH, err);
	struct strv layers = { 0 };
	int r;

	if (hold < 0)
		return hold;
	r = image_store_folders(store, image, &layers.items, &layers.len, err);
	for (size_t i = 0; r == 0 && i < layers.len; i++)
		r = make_beside(&layers.items[i], err);
	if (r < 0) {
		store_strv_done(&layers);
		return r;
	}
	*ret = layers.items;
	*ret_len = layers.len;
	return 0;
}
