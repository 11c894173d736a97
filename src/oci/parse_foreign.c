/* SPDX-License-Identifier: Apache-2.0 */
/* Sections for other platforms. Of windows this runtime takes layerFolders; the rest is noted, for
 * oci_validate to refuse. */
#include "oci/sections.h"

int oci_read_foreign(const struct json_at *at, struct arena *arena, void *spec, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	struct oci_spec *s = spec;

	if (s->foreign_section || json_is_false(at->value)) /* false asks for nothing */
		return 0;
	path = json_path(at);
	s->foreign_section = path ? arena_strdup(arena, path) : NULL;
	return s->foreign_section ? 0 : error_oom(err);
}

static const struct property windows_properties[] = {
	{ P_STRINGS(struct oci_spec, "layerFolders", layer_folders) },
	{ P_CUSTOM("devices", oci_read_foreign) },
	{ P_CUSTOM("resources", oci_read_foreign) },
	{ P_CUSTOM("network", oci_read_foreign) },
	{ P_CUSTOM("credentialSpec", oci_read_foreign) },
	{ P_CUSTOM("servicing", oci_read_foreign) },
	{ P_CUSTOM("ignoreFlushesDuringBoot", oci_read_foreign) },
	{ P_CUSTOM("hyperv", oci_read_foreign) },
};
const struct object_type oci_windows_type = OBJECT_TYPE(windows_properties, struct oci_spec, NULL);
