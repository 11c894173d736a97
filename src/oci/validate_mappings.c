/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of user_namespaces(7) for uid_map, told by name: the kernel says EINVAL to all of them.
 */
#include "oci/rules.h"

#define IDS ((uint64_t)UINT32_MAX) /* the last one, (uid_t)-1, is none */

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

int oci_validate_mappings(const struct oci_id_mappings *mappings, const char *where,
			  struct error *err)
{
	for (size_t i = 0; i < mappings->len; i++) {
		const struct oci_id_mapping *m = &mappings->items[i];

		if (m->size == 0)
			return error_set(err, EINVAL, "%s[%zu].size: must not be 0", where, i);
		if ((uint64_t)m->container_id + m->size > IDS)
			return error_set(err, EINVAL,
					 "%s[%zu].containerID: with size beyond the last id", where,
					 i);
		if ((uint64_t)m->host_id + m->size > IDS)
			return error_set(err, EINVAL,
					 "%s[%zu].hostID: with size beyond the last id", where, i);
		for (size_t j = 0; j < i; j++) {
			const struct oci_id_mapping *other = &mappings->items[j];

			if (overlap(m->container_id, m->size, other->container_id, other->size))
				return error_set(err, EINVAL,
						 "%s[%zu].containerID: overlaps that of entry %zu",
						 where, i, j);
			if (overlap(m->host_id, m->size, other->host_id, other->size))
				return error_set(err, EINVAL,
						 "%s[%zu].hostID: overlaps that of entry %zu",
						 where, i, j);
		}
	}
	return 0;
}

static int check_linux_mappings(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *linux_ = spec->linux_;
	bool uids = linux_->uid_mappings.len > 0, gids = linux_->gid_mappings.len > 0;
	int r;

	/* With a namespace by path they say nothing, but engines write them there: allowed. */
	if ((uids || gids) && !oci_has_namespace(spec, OCI_NS_USER))
		return error_set(err, EINVAL,
				 "linux.%s: needs a user namespace in linux.namespaces",
				 uids ? "uidMappings" : "gidMappings");
	if (oci_has_new_namespace(spec, OCI_NS_USER) && (!uids || !gids))
		return error_set(err, EINVAL, "linux.%s: required for a new user namespace",
				 uids ? "gidMappings" : "uidMappings");
	r = oci_validate_mappings(&linux_->uid_mappings, "linux.uidMappings", err);
	if (r < 0)
		return r;
	return oci_validate_mappings(&linux_->gid_mappings, "linux.gidMappings", err);
}

static int check_mount_mappings(const struct oci_mount *mount, size_t index, struct error *err)
{
	bool uids = mount->uid_mappings.len > 0, gids = mount->gid_mappings.len > 0;
	char where[64];
	int r;

	if (uids != gids)
		return error_set(err, EINVAL, "mounts[%zu].%s: required beside %s", index,
				 uids ? "gidMappings" : "uidMappings",
				 uids ? "uidMappings" : "gidMappings");
	(void)snprintf(where, sizeof(where), "mounts[%zu].uidMappings", index);
	r = oci_validate_mappings(&mount->uid_mappings, where, err);
	if (r < 0)
		return r;
	(void)snprintf(where, sizeof(where), "mounts[%zu].gidMappings", index);
	return oci_validate_mappings(&mount->gid_mappings, where, err);
}

int oci_validate_all_mappings(const struct oci_spec *spec, struct error *err)
{
	int r = spec->linux_ ? check_linux_mappings(spec, err) : 0;

	for (size_t i = 0; r == 0 && i < spec->mounts.len; i++)
		r = check_mount_mappings(&spec->mounts.items[i], i, err);
	return r;
}
