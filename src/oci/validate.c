/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/validate.h"

#include <string.h>

#include "base/json.h"
#include "oci/rules.h"
#include "oci/words.h"

bool oci_has_namespace(const struct oci_spec *spec, enum oci_namespace_kind kind)
{
	return spec->linux_ && spec->linux_->namespaces[kind].present;
}

bool oci_has_new_namespace(const struct oci_spec *spec, enum oci_namespace_kind kind)
{
	return oci_has_namespace(spec, kind) && !spec->linux_->namespaces[kind].path;
}

/* Past a decimal number without leading zeros (SemVer 2.0.0, clause 2); NULL when there is none. */
static const char *skip_number(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n == 0 || (n > 1 && *p == '0') ? NULL : p + n;
}

/* Minor versions only add properties, so every 1.x can be read; another major is another language.
 */
static int check_version(const char *version, struct error *err)
{
	const char *p = version;
	char buf[JSON_PRINTABLE_SIZE];

	for (int part = 0; p && part < 3; part++) {
		if (part && *p++ != '.')
			p = NULL;
		else
			p = skip_number(p);
	}
	if (!p || (*p && *p != '-' && *p != '+') || (*p && !p[1]))
		return error_set(err, EINVAL,
				 "ociVersion: \"%s\" is not a version such as \"1.3.0\"",
				 json_printable(version, buf));
	if (strncmp(version, "1.", 2) != 0)
		return error_set(err, EINVAL,
				 "ociVersion: \"%s\" is not supported, this runtime reads 1.x",
				 json_printable(version, buf));
	return 0;
}

static int check_foreign(const char *section, struct error *err)
{
	if (strchr(section, '.'))
		return error_set(
			err, EINVAL,
			"%s: this runtime is for Linux; of windows it takes layerFolders only",
			section);
	return error_set(err, EINVAL, "%s: this runtime is for Linux", section);
}

static int check_root(const struct oci_spec *spec, struct error *err)
{
	const struct strv *layers = &spec->layer_folders;

	if (layers->items) {
		if (layers->len < 2)
			return error_set(
				err, EINVAL,
				"windows.layerFolders: expected at least a layer and the scratch");
		for (size_t i = 0; i < layers->len; i++)
			if (!layers->items[i][0])
				return error_set(err, EINVAL, "windows.layerFolders[%zu]: empty",
						 i);
	} else if (!spec->root) {
		return error_set(err, EINVAL, "root: required");
	}
	if (spec->root && spec->root->readonly && !oci_has_namespace(spec, OCI_NS_MOUNT))
		return error_set(err, EINVAL,
				 "root.readonly: needs a mount namespace in linux.namespaces");
	return 0;
}

/* What sethostname(2) takes (__NEW_UTS_LEN). */
#define UTS_NAME_MAX 64

static int check_uts_name(const struct oci_spec *spec, const char *key, const char *name,
			  struct error *err)
{
	if (!name)
		return 0;
	/* Without one of its own the container would rename the host. */
	if (!oci_has_namespace(spec, OCI_NS_UTS))
		return error_set(err, EINVAL, "%s: needs a uts namespace in linux.namespaces", key);
	if (strlen(name) > UTS_NAME_MAX)
		return error_set(err, EINVAL, "%s: longer than %d characters", key, UTS_NAME_MAX);
	return 0;
}

static int check_mounts(const struct oci_spec *spec, struct error *err)
{
	if (spec->mounts.len && !oci_has_namespace(spec, OCI_NS_MOUNT))
		return error_set(err, EINVAL, "mounts: need a mount namespace in linux.namespaces");
	return 0;
}

static int check_hooks(const struct oci_spec *spec, struct error *err)
{
	for (int kind = 0; kind < OCI_HOOK_KINDS; kind++) {
		const struct oci_hook_list *list = &spec->hooks[kind];

		for (size_t i = 0; i < list->len; i++) {
			if (list->items[i].path[0] != '/')
				return error_set(err, EINVAL,
						 "hooks.%s[%zu].path: expected an absolute path",
						 oci_hook_names[kind], i);
		}
	}
	return 0;
}

static int check_vm(const struct oci_vm *vm, struct error *err)
{
	const struct {
		const char *where, *path;
	} paths[] = {
		{ "vm.hypervisor.path", vm->hypervisor_path },
		{ "vm.kernel.path", vm->kernel_path },
		{ "vm.kernel.initrd", vm->kernel_initrd },
		{ "vm.image.path", vm->image_path },
		{ "vm.hwConfig.deviceTree", vm->device_tree },
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i].path && paths[i].path[0] != '/')
			return error_set(err, EINVAL, "%s: expected an absolute path",
					 paths[i].where);
	return 0;
}

int oci_validate(const struct oci_spec *spec, struct error *err)
{
	int r;

	if (!spec->oci_version)
		return error_set(err, EINVAL, "ociVersion: required");
	if ((r = check_version(spec->oci_version, err)) < 0)
		return r;
	if (spec->foreign_section)
		return check_foreign(spec->foreign_section, err);
	if (!spec->process)
		return error_set(err, EINVAL, "process: required");
	if ((r = oci_process_validate(spec->process, "process", err)) < 0 ||
	    (r = check_root(spec, err)) < 0 ||
	    (r = check_uts_name(spec, "hostname", spec->hostname, err)) < 0 ||
	    (r = check_uts_name(spec, "domainname", spec->domainname, err)) < 0 ||
	    (r = check_mounts(spec, err)) < 0 || (r = check_hooks(spec, err)) < 0 ||
	    (r = oci_validate_all_mappings(spec, err)) < 0)
		return r;
	if (spec->linux_ && (r = oci_validate_linux(spec, err)) < 0)
		return r;
	return spec->vm ? check_vm(spec->vm, err) : 0;
}
