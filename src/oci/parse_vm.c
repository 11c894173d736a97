/* SPDX-License-Identifier: Apache-2.0 */
/* config-vm.md */
#include "oci/sections.h"
#include "oci/words.h"

static const struct property hypervisor_properties[] = {
	{ P_STRING(struct oci_vm, "path", hypervisor_path) },
	{ P_STRINGS(struct oci_vm, "parameters", hypervisor_parameters) },
};

/* Go's encoder writes this object, and image, with empty members also when they were not given. */
static int check_hypervisor(const struct json_at *at, struct arena *arena, void *ret,
			    struct error *err)
{
	const struct oci_vm *vm = ret;
	struct json_at path = json_member(at, "path");

	(void)arena;
	if (!vm->hypervisor_path && vm->hypervisor_parameters.len)
		return json_error(&path, err, "required");
	return 0;
}
static const struct object_type hypervisor_type =
	OBJECT_TYPE(hypervisor_properties, struct oci_vm, check_hypervisor);

static const struct property kernel_properties[] = {
	{ P_STRING(struct oci_vm, "path", kernel_path), P_REQUIRED },
	{ P_STRINGS(struct oci_vm, "parameters", kernel_parameters) },
	{ P_STRING(struct oci_vm, "initrd", kernel_initrd) },
};
static const struct object_type kernel_type = OBJECT_TYPE(kernel_properties, struct oci_vm, NULL);

static const struct property image_properties[] = {
	{ P_STRING(struct oci_vm, "path", image_path) },
	{ P_WORD(struct oci_vm, "format", image_format, oci_vm_image_formats) },
};

static int check_image(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	const struct oci_vm *vm = ret;
	struct json_at missing = json_member(at, vm->image_path ? "format" : "path");

	(void)arena;
	if (!vm->image_path != !vm->image_format)
		return json_error(&missing, err, "required");
	return 0;
}
static const struct object_type image_type =
	OBJECT_TYPE(image_properties, struct oci_vm, check_image);

static const struct property iomem_properties[] = {
	{ P_U64(struct oci_vm_iomem, "firstGFN", first_gfn) },
	{ P_U64(struct oci_vm_iomem, "firstMFN", first_mfn), P_REQUIRED },
	{ P_U64(struct oci_vm_iomem, "nrMFNs", nr_mfns), P_REQUIRED },
};

static int check_iomem(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct oci_vm_iomem *iomem = ret;

	(void)arena;
	(void)err;
	iomem->has_first_gfn = json_member(at, "firstGFN").value;
	return 0;
}
static const struct object_type iomem_type =
	OBJECT_TYPE(iomem_properties, struct oci_vm_iomem, check_iomem);

static const struct property hw_config_properties[] = {
	{ P_STRING(struct oci_vm, "deviceTree", device_tree) },
	{ P_OPT_U64(struct oci_vm, "vcpus", vcpus, UINT32_MAX) },
	{ P_OPT_U64(struct oci_vm, "memory", memory, UINT64_MAX) },
	{ P_STRINGS(struct oci_vm, "dtdevs", dtdevs) },
	{ P_LIST(struct oci_vm, "iomems", PROPERTY_OBJECTS, iomems, iomems_len),
	  .object = &iomem_type },
	{ P_LIST(struct oci_vm, "irqs", PROPERTY_U32S, irqs, irqs_len), .max = UINT32_MAX },
};
static const struct object_type hw_config_type =
	OBJECT_TYPE(hw_config_properties, struct oci_vm, NULL);

static const struct property vm_properties[] = {
	{ P_INLINE("hypervisor", &hypervisor_type) },
	{ P_INLINE("kernel", &kernel_type), P_REQUIRED },
	{ P_INLINE("image", &image_type) },
	/* The document and the schema say hwConfig, the spec's Go package writes hwconfig. */
	{ P_INLINE("hwconfig", &hw_config_type) },
	{ P_INLINE("hwConfig", &hw_config_type) },
};
const struct object_type oci_vm_type = OBJECT_TYPE(vm_properties, struct oci_vm, NULL);
