/* SPDX-License-Identifier: Apache-2.0 */
/* config.md "Mounts", and the id mappings that mounts share with user namespaces */
#include "oci/sections.h"

static const struct property id_mapping_properties[] = {
	{ P_U32(struct oci_id_mapping, "containerID", container_id, UINT32_MAX), P_REQUIRED },
	{ P_U32(struct oci_id_mapping, "hostID", host_id, UINT32_MAX), P_REQUIRED },
	{ P_U32(struct oci_id_mapping, "size", size, UINT32_MAX), P_REQUIRED },
};
const struct object_type oci_id_mapping_type =
	OBJECT_TYPE(id_mapping_properties, struct oci_id_mapping, NULL);

static const struct property mount_properties[] = {
	{ P_STRING(struct oci_mount, "destination", destination), P_REQUIRED },
	{ P_STRING(struct oci_mount, "type", type) },
	{ P_STRING(struct oci_mount, "source", source) },
	{ P_STRINGS(struct oci_mount, "options", options) },
	{ P_ID_MAPPINGS(struct oci_mount, "uidMappings", uid_mappings) },
	{ P_ID_MAPPINGS(struct oci_mount, "gidMappings", gid_mappings) },
};
const struct object_type oci_mount_type = OBJECT_TYPE(mount_properties, struct oci_mount, NULL);
