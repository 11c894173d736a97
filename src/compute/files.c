/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/files.h"

#include <sys/stat.h>

#include "base/path.h"
#include "compute/hyperv/files.h"
#include "compute/isolation.h"
#include "compute/status.h"
#include "compute/store.h"
#include "oci/parse.h"

/* What a VM's container changes may be a directory of the host too, shared with the VM. */
static bool changes_are_here(const struct stored *s, const struct oci_spec *spec,
			     const struct container_files *files)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (files->kind != CONTAINER_FILES_CHANGES || spec->layer_folders.len == 0)
		return false;
	path = path_join(s->container.bundle,
			 spec->layer_folders.items[spec->layer_folders.len - 1]);
	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int compute_files(const struct compute_host *host, const char *id,
		  const struct container_files *files, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	int r;

	r = store_open(host, id, STORE_READ, &s, err);
	if (r < 0)
		return r;
	switch (stored_status(&s)) {
	case STATUS_STOPPED:
		return error_set(err, ESRCH, "container \"%s\" is stopped: container not running",
				 id);
	case STATUS_CREATING:
		return error_set(err, EBUSY, "container \"%s\" is still being created", id);
	default:
		break;
	}
	r = store_load_config(s.dir_fd, &spec, err);
	if (r < 0)
		return r;
	if (s.isolation == ISOLATION_PROCESS || changes_are_here(&s, &spec, files))
		return container_files(&s.container, &spec, files, err);
	return hyperv_files(&s, files, err);
}
