/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/layers.h"

#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/layer_file.h"

#define LAYERS_SERIAL "layers"
#define SCRATCH_SERIAL "scratch"

/* All of them, and the scratch, are files; or none is a disk. What cannot be found is said where it is
 * opened. */
static bool are_disks(const struct oci_spec *spec, const char *bundle)
{
	const struct strv *folders = &spec->layer_folders;

	for (size_t i = 0; i < folders->len; i++)
		if (!layer_file_is(bundle, folders->items[i]))
			return false;
	return folders->len > 0;
}

static int open_layer(struct layer_disks *disks, const char *bundle, const char *name,
		      struct error *err)
{
	size_t i = disks->len;
	struct stat st;
	int fd = layer_file_open(bundle, name, err);

	if (fd < 0)
		return fd;
	disks->fds[disks->len++] = fd;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "stat it");
	disks->sizes[i] = (uint64_t)st.st_size;
	return 0;
}

static int open_scratch(struct layer_disks *disks, const char *bundle, const char *name,
			struct error *err)
{
	disks->scratch = scratch_file_lock(bundle, name, err);
	return disks->scratch < 0 ? disks->scratch : scratch_file_give(disks->scratch, err);
}

int layer_disks_open(const struct oci_spec *spec, const char *bundle, bool joined,
		     struct layer_disks *ret, struct error *err)
{
	const struct strv *folders = &spec->layer_folders;
	size_t last = folders->len - 1;
	struct layer_disks disks = LAYER_DISKS_INIT;
	int r = 0;

	if (!are_disks(spec, bundle))
		return 0;
	if (joined)
		return error_set(err, ENOTSUP,
				 "windows.layerFolders[%zu] (%s): a disk cannot be added to a VM "
				 "that runs: a container that joins one needs a directory as its "
				 "scratch",
				 last, folders->items[last]);
	if (last > LAYER_DISKS_MAX)
		return error_set(err, E2BIG, "windows.layerFolders: more than %d layers",
				 LAYER_DISKS_MAX);
	for (size_t i = 0; r == 0 && i <= last; i++) {
		r = i < last ? open_layer(&disks, bundle, folders->items[i], err)
			     : open_scratch(&disks, bundle, folders->items[i], err);
		if (r < 0)
			(void)error_wrap(err, r, "windows.layerFolders[%zu] (%s)", i,
					 folders->items[i]);
	}
	if (r < 0) {
		layer_disks_done(&disks);
		return r;
	}
	*ret = disks;
	return 0;
}

void layer_disks_done(struct layer_disks *disks)
{
	for (size_t i = 0; i < disks->len; i++)
		(void)close_fd(disks->fds[i]);
	(void)close_fd(disks->scratch);
	*disks = LAYER_DISKS_INIT;
}

size_t layer_disks_attach(const struct layer_disks *disks, struct vm_settings *settings, int *fds)
{
	struct vm_disk *layers = &settings->disks[0], *scratch = &settings->disks[1];

	if (disks->len == 0)
		return 0;
	*layers = (struct vm_disk){ .fd = VM_FD_FIRST,
				    .extents = (unsigned)disks->len,
				    .readonly = true,
				    .serial = LAYERS_SERIAL };
	*scratch = (struct vm_disk){ .fd = VM_FD_FIRST + (int)disks->len,
				     .extents = 1,
				     .serial = SCRATCH_SERIAL };
	settings->disks_len = 2;
	memcpy(fds, disks->fds, disks->len * sizeof(*fds));
	fds[disks->len] = disks->scratch;
	return disks->len + 1;
}

void layer_disks_describe(const struct layer_disks *disks, json_t *request)
{
	json_t *sizes;

	if (disks->len == 0)
		return;
	sizes = json_array();
	for (size_t i = 0; i < disks->len; i++)
		(void)json_array_append_new(sizes, json_integer((json_int_t)disks->sizes[i]));
	(void)json_object_set_new(request, "layers",
				  json_pack("{s:s, s:o}", "disk", LAYERS_SERIAL, "sizes", sizes));
	(void)json_object_set_new(request, "scratch", json_string(SCRATCH_SERIAL));
}
