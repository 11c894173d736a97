/* SPDX-License-Identifier: Apache-2.0 */
/* blkio of cgroup v1: weights belong to the I/O scheduler (bfq, before 5.0 cfq), throttling to the
 * block layer. */
#include <inttypes.h>
#include <string.h>

#include "container/cgroup/private.h"

#define BLOCK_IO "linux.resources.blockIO."

/* Tries the names a file had, newest first; *ret_file is the one that exists. */
static int set_first(struct target *t, const char *const *files, const char *value,
		     const char **ret_file)
{
	int r = -ENOENT;

	for (; *files && r == -ENOENT; files++) {
		*ret_file = *files;
		r = target_try(t, *files, value);
	}
	return r;
}

static int weight(struct target *t, const char *property, const char *const *files,
		  const struct opt_u64 *weight_value, struct error *err)
{
	const char *file = NULL;
	char value[24];
	int r;

	if (!weight_value->set || weight_value->value == 0) /* engines send 0 for "not given" */
		return 0;
	(void)snprintf(value, sizeof(value), "%" PRIu64, weight_value->value);
	r = set_first(t, files, value, &file);
	return r < 0 ? target_error(t, property, file, value, r, err) : 0;
}

static int weight_device(struct target *t, size_t i, const char *what, const char *const *files,
			 const struct oci_weight_device *d, const struct opt_u64 *w,
			 struct error *err)
{
	char property[80], key[48], value[24];
	int r = -ENOENT;

	if (!w->set || w->value == 0)
		return 0;
	(void)snprintf(property, sizeof(property), BLOCK_IO "weightDevice[%zu].%s", i, what);
	(void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, d->major, d->minor);
	(void)snprintf(value, sizeof(value), "%" PRIu64, w->value);
	for (; *files; files++) {
		if (files[1]) {
			r = target_try_keyed(t, *files, key, value, "default");
			if (r == -ENOENT)
				continue;
			if (r == 0)
				return 0;
		}
		return target_set_keyed(t, property, *files, key, value, "default", err);
	}
	return r;
}

static int throttle(struct target *t, const char *name, const char *file,
		    const struct oci_throttle_devices *devices, struct error *err)
{
	for (size_t i = 0; i < devices->len; i++) {
		const struct oci_throttle_device *d = &devices->items[i];
		char property[96], key[48], value[24];
		int r;

		(void)snprintf(property, sizeof(property), BLOCK_IO "%s[%zu]", name, i);
		(void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, d->major, d->minor);
		(void)snprintf(value, sizeof(value), "%" PRIu64, d->rate);
		r = target_set_keyed(t, property, file, key, value, "0", err);
		if (r < 0)
			return r;
	}
	return 0;
}

int v1_io(struct target *t, const struct oci_resources *res, struct error *err)
{
	static const char *const weights[] = { "blkio.bfq.weight", "blkio.weight", NULL };
	static const char *const leafs[] = { "blkio.leaf_weight", NULL };
	static const char *const device_weights[] = { "blkio.bfq.weight_device",
						      "blkio.weight_device", NULL };
	static const char *const device_leafs[] = { "blkio.leaf_weight_device", NULL };
	const struct oci_block_io *io = res->block_io;
	int r = weight(t, BLOCK_IO "weight", weights, &io->weight, err);

	if (r == 0)
		r = weight(t, BLOCK_IO "leafWeight", leafs, &io->leaf_weight, err);
	for (size_t i = 0; r == 0 && i < io->weight_device.len; i++) {
		const struct oci_weight_device *d = &io->weight_device.items[i];

		r = weight_device(t, i, "weight", device_weights, d, &d->weight, err);
		if (r == 0)
			r = weight_device(t, i, "leafWeight", device_leafs, d, &d->leaf_weight,
					  err);
	}
	if (r == 0)
		r = throttle(t, "throttleReadBpsDevice", "blkio.throttle.read_bps_device",
			     &io->throttle_read_bps, err);
	if (r == 0)
		r = throttle(t, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device",
			     &io->throttle_write_bps, err);
	if (r == 0)
		r = throttle(t, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
			     &io->throttle_read_iops, err);
	if (r == 0)
		r = throttle(t, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device",
			     &io->throttle_write_iops, err);
	return r;
}
