/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From a container's record to the OCI bundle that the compute layer runs. */
#include "image/store.h"
#include "service/record.h"

/* Writes bundle/config.json of the container for its isolation: root from the image's layers
 * (windows.layerFolders: directories, or in hyperv isolation erofs files, the scratch last), process,
 * mounts, namespaces, capabilities, seccomp, devices, limits, hooks. Users and groups by name are looked
 * up in the image. The network namespace is record->state.network.netns (NULL: the host's, or that of
 * another container, by config.network_mode). Volumes are made, and filled from the image, here. */
int bundle_write(const struct service *service, struct image_store *images,
		 const struct image *image, const struct record *record, struct error *err);
/* "user[:group]", by name or number, in the root made of layers (topmost first) and the scratch; fills uid,
 * gid, additional gids, home ("/" where there is none). */
int bundle_user(const struct record *record, char *const *layers, const char *user,
		struct oci_user *ret, char **ret_home, struct arena *arena, struct error *err);
/* Does the image fit this host (process isolation) or the utility VM: architecture, and the kernel that
 * its label "io.hcs.kernel.min" asks for? In the words of the seeds, with the hint to use hyperv. */
int bundle_check_fit(const struct container_config *config, const struct image *image,
		     struct error *err);
