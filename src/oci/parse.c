/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/parse.h"

#include <string.h>

#include "oci/sections.h"

static const struct property root_properties[] = {
	{ P_STRING(struct oci_root, "path", path), P_REQUIRED },
	{ P_BOOL(struct oci_root, "readonly", readonly) },
};
static const struct object_type root_type = OBJECT_TYPE(root_properties, struct oci_root, NULL);

static const struct property spec_properties[] = {
	{ P_STRING(struct oci_spec, "ociVersion", oci_version), P_REQUIRED },
	{ P_OBJECT(struct oci_spec, "process", process, &oci_process_type) },
	{ P_OBJECT(struct oci_spec, "root", root, &root_type) },
	{ P_STRING(struct oci_spec, "hostname", hostname) },
	{ P_STRING(struct oci_spec, "domainname", domainname) },
	{ P_OBJECTS(struct oci_spec, "mounts", mounts, &oci_mount_type) },
	{ P_INLINE("hooks", &oci_hooks_type) },
	{ P_MAP(struct oci_spec, "annotations", annotations) },
	{ P_OBJECT(struct oci_spec, "linux", linux_, &oci_linux_type) },
	{ P_OBJECT(struct oci_spec, "vm", vm, &oci_vm_type) },
	{ P_INLINE("windows", &oci_windows_type) },
	{ P_CUSTOM("solaris", oci_read_foreign) },
	{ P_CUSTOM("freebsd", oci_read_foreign) },
	{ P_CUSTOM("zos", oci_read_foreign) },
};
static const struct object_type spec_type = OBJECT_TYPE(spec_properties, struct oci_spec, NULL);

static int parse_object(const char *text, size_t len, const char *name,
			const struct object_type *type, struct arena *arena, void *ret,
			struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	int r;

	if (len > OCI_CONFIG_MAX)
		return error_set(err, EFBIG, "longer than %zu MiB", OCI_CONFIG_MAX >> 20);
	r = json_doc_parse(text, len, &doc, err);
	if (r < 0)
		return r;
	root = json_root(&doc, name);
	return object_read(&root, type, arena, ret, err);
}

int oci_spec_parse(const char *text, size_t len, struct oci_spec *ret, struct error *err)
{
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	int r = parse_object(text, len, NULL, &spec_type, &spec.arena, &spec, err);

	if (r < 0)
		return r;
	*ret = spec;
	spec = (struct oci_spec){ 0 };
	return 0;
}

void oci_spec_done(struct oci_spec *spec)
{
	arena_done(&spec->arena);
	*spec = (struct oci_spec){ 0 };
}

int oci_process_parse(const char *text, size_t len, struct arena *arena, struct oci_process **ret,
		      struct error *err)
{
	struct oci_process *process = arena_new(arena, struct oci_process);
	int r = process ? parse_object(text, len, "process", &oci_process_type, arena, process, err)
			: error_oom(err);

	if (r == 0)
		*ret = process;
	return r;
}

int oci_resources_parse(const char *text, size_t len, struct arena *arena,
			struct oci_resources **ret, struct error *err)
{
	struct oci_resources *resources = arena_new(arena, struct oci_resources);
	int r = resources ? parse_object(text, len, "linux.resources", &oci_resources_type, arena,
					 resources, err)
			  : error_oom(err);

	if (r == 0)
		*ret = resources;
	return r;
}

const char *oci_annotation(const struct oci_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.len; i++)
		if (strcmp(spec->annotations.items[i].key, key) == 0)
			return spec->annotations.items[i].value;
	return NULL;
}
