/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/write.h"

#include "oci/sections.h"

json_t *oci_process_json(const struct oci_process *process, struct error *err)
{
	struct json_at root = { .key = "process" };

	return object_write(&root, &oci_process_type, process, err);
}

json_t *oci_resources_json(const struct oci_resources *resources, struct error *err)
{
	struct json_at root = { .key = "linux.resources" };

	return object_write(&root, &oci_resources_type, resources, err);
}
