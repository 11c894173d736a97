/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/pod.h"

#include <string.h>

#include "base/cleanup.h"
#include "oci/parse.h"

const char *pod_wanted(const struct compute_create *create, const struct oci_spec *spec,
		       const char **ret_where)
{
	static const struct {
		const char *type_key, *id_key;
	} pods[] = {
		{ "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id" },
		{ "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID" },
	};
	const char *id = create->vm_host;

	*ret_where = "--host";
	if (id)
		return id;
	id = oci_annotation(spec, "io.hcs.host");
	*ret_where = "annotations.io.hcs.host";
	if (id)
		return id;
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		const char *type = oci_annotation(spec, pods[i].type_key);

		id = oci_annotation(spec, pods[i].id_key);
		*ret_where = pods[i].id_key;
		if (type && strcmp(type, "container") == 0 && id)
			return id;
	}
	return NULL;
}
