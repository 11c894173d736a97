/* SPDX-License-Identifier: Apache-2.0 */
/* config-linux.md "Block IO" */
#include "oci/sections.h"

static const struct property weight_device_properties[] = {
	{ P_I64(struct oci_weight_device, "major", major), P_REQUIRED },
	{ P_I64(struct oci_weight_device, "minor", minor), P_REQUIRED },
	{ P_OPT_U64(struct oci_weight_device, "weight", weight, UINT16_MAX) },
	{ P_OPT_U64(struct oci_weight_device, "leafWeight", leaf_weight, UINT16_MAX) },
};

static int check_weight_device(const struct json_at *at, struct arena *arena, void *ret,
			       struct error *err)
{
	const struct oci_weight_device *device = ret;

	(void)arena;
	if (!device->weight.set && !device->leaf_weight.set)
		return json_error(at, err, "weight or leafWeight required");
	return 0;
}
static const struct object_type weight_device_type =
	OBJECT_TYPE(weight_device_properties, struct oci_weight_device, check_weight_device);

static const struct property throttle_device_properties[] = {
	{ P_I64(struct oci_throttle_device, "major", major), P_REQUIRED },
	{ P_I64(struct oci_throttle_device, "minor", minor), P_REQUIRED },
	{ P_U64(struct oci_throttle_device, "rate", rate), P_REQUIRED },
};
static const struct object_type throttle_device_type =
	OBJECT_TYPE(throttle_device_properties, struct oci_throttle_device, NULL);

#define P_THROTTLE(key, field) P_OBJECTS(struct oci_block_io, key, field, &throttle_device_type)

static const struct property block_io_properties[] = {
	{ P_OPT_U64(struct oci_block_io, "weight", weight, UINT16_MAX) },
	{ P_OPT_U64(struct oci_block_io, "leafWeight", leaf_weight, UINT16_MAX) },
	{ P_OBJECTS(struct oci_block_io, "weightDevice", weight_device, &weight_device_type) },
	{ P_THROTTLE("throttleReadBpsDevice", throttle_read_bps) },
	{ P_THROTTLE("throttleWriteBpsDevice", throttle_write_bps) },
	{ P_THROTTLE("throttleReadIOPSDevice", throttle_read_iops) },
	{ P_THROTTLE("throttleWriteIOPSDevice", throttle_write_iops) },
};
const struct object_type oci_block_io_type =
	OBJECT_TYPE(block_io_properties, struct oci_block_io, NULL);
