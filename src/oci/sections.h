/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The tables of the spec's sections, one file each; parse.c puts them together. */
#include "oci/property.h"

extern const struct object_type oci_process_type;    /* parse_process.c: struct oci_process */
extern const struct object_type oci_mount_type;      /* parse_mounts.c: struct oci_mount */
extern const struct object_type oci_id_mapping_type; /* parse_mounts.c: struct oci_id_mapping */
extern const struct object_type oci_hooks_type;      /* parse_hooks.c: inline in struct oci_spec */
extern const struct object_type oci_linux_type;      /* parse_linux.c: struct oci_linux */
extern const struct object_type oci_resources_type;  /* parse_resources.c: struct oci_resources */
extern const struct object_type oci_block_io_type;   /* parse_block_io.c: struct oci_block_io */
extern const struct object_type oci_seccomp_type;    /* parse_seccomp.c: struct oci_seccomp */
extern const struct object_type oci_vm_type;         /* parse_vm.c: struct oci_vm */
extern const struct object_type oci_windows_type; /* parse_foreign.c: inline in struct oci_spec */

/* Notes a section of another platform in spec->foreign_section. */
int oci_read_foreign(const struct json_at *at, struct arena *arena, void *spec, struct error *err);

/* The kernel takes this many lines in uid_map (UID_GID_MAP_MAX_EXTENTS). */
#define OCI_ID_MAPPINGS_MAX 340
#define P_ID_MAPPINGS(s, key, field)                                                               \
	P_OBJECTS(s, key, field, &oci_id_mapping_type), .max = OCI_ID_MAPPINGS_MAX
