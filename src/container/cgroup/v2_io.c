/* SPDX-License-Identifier: Apache-2.0 */
/* io of cgroup v2: weights belong to bfq or to the io.cost controller, whichever is there. */
#include <inttypes.h>
#include <string.h>

#include "container/cgroup/convert.h"
#include "container/cgroup/private.h"

#define BLOCK_IO "linux.resources.blockIO."
#define NO_LIMIT "rbps=max wbps=max riops=max wiops=max"

static int weight(struct target *t, uint64_t w, struct error *err)
{
	char value[24];
	int r;

	(void)snprintf(value, sizeof(value), "%" PRIu64, w);
	r = target_try(t, "io.bfq.weight", value);
	if (r != -ENOENT)
		return r < 0 ? target_error(t, BLOCK_IO "weight", "io.bfq.weight", value, r, err)
			     : 0;
	return target_set_i64(t, BLOCK_IO "weight", "io.weight", (int64_t)convert_blkio_weight(w),
			      err);
}

static int weight_device(struct target *t, size_t i, const struct oci_weight_device *d,
			 struct error *err)
{
	char property[80], key[48], value[24];
	int r;

	if (d->leaf_weight.set && d->leaf_weight.value != 0)
		return error_set(
			err, EOPNOTSUPP,
			BLOCK_IO "weightDevice[%zu].leafWeight: cgroup v2 has no such limit", i);
	if (!d->weight.set || d->weight.value == 0)
		return 0;
	(void)snprintf(property, sizeof(property), BLOCK_IO "weightDevice[%zu].weight", i);
	(void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, d->major, d->minor);
	(void)snprintf(value, sizeof(value), "%" PRIu64, d->weight.value);
	r = target_try_keyed(t, "io.bfq.weight", key, value, "default");
	/* Kernels between 5.0 and 5.4 know bfq's weight but not by device. */
	if (r == 0)
		return 0;
	if (r != -ENOENT && r != -EINVAL)
		return target_set_keyed(t, property, "io.bfq.weight", key, value, "default", err);
	(void)snprintf(value, sizeof(value), "%" PRIu64, convert_blkio_weight(d->weight.value));
	return target_set_keyed(t, property, "io.weight", key, value, "default", err);
}

static int throttle(struct target *t, const char *name, const char *word,
		    const struct oci_throttle_devices *devices, struct error *err)
{
	for (size_t i = 0; i < devices->len; i++) {
		const struct oci_throttle_device *d = &devices->items[i];
		char property[96], key[48], value[40];
		int r;

		(void)snprintf(property, sizeof(property), BLOCK_IO "%s[%zu]", name, i);
		(void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, d->major, d->minor);
		if (d->rate == 0) /* v1's word for no limit */
			(void)snprintf(value, sizeof(value), "%s=max", word);
		else
			(void)snprintf(value, sizeof(value), "%s=%" PRIu64, word, d->rate);
		r = target_set_keyed(t, property, "io.max", key, value, NO_LIMIT, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int v2_io(struct target *t, const struct oci_resources *res, struct error *err)
{
	const struct oci_block_io *io = res->block_io;
	int r = 0;

	if (io->leaf_weight.set && io->leaf_weight.value != 0)
		return error_set(err, EOPNOTSUPP,
				 BLOCK_IO "leafWeight: cgroup v2 has no such limit");
	if (io->weight.set && io->weight.value != 0)
		r = weight(t, io->weight.value, err);
	for (size_t i = 0; r == 0 && i < io->weight_device.len; i++)
		r = weight_device(t, i, &io->weight_device.items[i], err);
	if (r == 0)
		r = throttle(t, "throttleReadBpsDevice", "rbps", &io->throttle_read_bps, err);
	if (r == 0)
		r = throttle(t, "throttleWriteBpsDevice", "wbps", &io->throttle_write_bps, err);
	if (r == 0)
		r = throttle(t, "throttleReadIOPSDevice", "riops", &io->throttle_read_iops, err);
	if (r == 0)
		r = throttle(t, "throttleWriteIOPSDevice", "wiops", &io->throttle_write_iops, err);
	return r;
}
