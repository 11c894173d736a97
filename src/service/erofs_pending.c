/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in until src/image/erofs.c is there. */
#include "image/store.h"

int image_store_erofs(struct image_store *store, const struct image *image, char ***ret,
		      size_t *ret_len, struct error *err)
{
	(void)store;
	(void)image;
	(void)ret;
	(void)ret_len;
	return error_set(err, ENOSYS, "layers as erofs files are not there yet");
}
