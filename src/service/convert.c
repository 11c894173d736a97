/* SPDX-License-Identifier: Apache-2.0 */
/* From one isolation to the other: what a container wrote goes with it. */
#include <fcntl.h>
#include <string.h>

#include "base/remove.h"
#include "compute/scratch.h"
#include "service/bundle.h"
#include "service/lifecycle.h"
#include "service/record.h"
#include "service/scratch.h"

static int remove_scratch(const struct record *record, const char *name, struct error *err)
{
	int r = remove_tree(record->dir_fd, name);

	return r < 0 ? error_sys(err, -r, "remove %s/%s", record->path, name) : 0;
}

static int to_disk(const struct record *record, struct error *err)
{
	_cleanup_free_ char *disk = NULL, *upper = NULL;
	uint64_t size;
	int r = scratch_size_gb(record, &size, err);

	if (r < 0)
		return r;
	if (asprintf(&disk, "%s/" SCRATCH_DISK, record->path) < 0)
		disk = NULL;
	if (asprintf(&upper, "%s/" SCRATCH_DIRECTORY "/upper", record->path) < 0)
		upper = NULL;
	if (!disk || !upper)
		return error_oom(err);
	if (access(upper, F_OK) < 0 && errno == ENOENT)
		return compute_create_scratch(disk, size, err);
	return compute_create_scratch_from(disk, size, upper, err);
}

/* A file system that a guest has written is never mounted on the host. One that no VM has had yet is
 * empty. */
static int to_directory(const struct record *record, struct error *err)
{
	if (record->state.started_at)
		return error_set(err, EOPNOTSUPP,
				 "container %s has run with hyperv isolation: what it wrote is on "
				 "its VM's disk, which cannot be converted to process isolation "
				 "yet; commit it to an image, or make a new container",
				 record->name);
	return scratch_make(record, err);
}

/* The image may not fit the host, or the VM. */
static int check_image(const struct service *service, const struct record *record,
		       struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_image_ struct image image = { 0 };
	int r = service_images(service, &images, err);

	if (r == 0)
		r = image_store_find(images, record->image_id, NULL, &image, err);
	return r == 0 ? bundle_check_fit(&record->config, &image, err) : r;
}

int service_set_isolation(const struct service *service, const char *name,
			  enum compute_isolation isolation, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	bool disk = isolation == ISOLATION_HYPERV;
	int r = record_open(service, name, RECORD_LOCK, &record, err);

	if (r < 0)
		return r;
	if (record_is_up(&record))
		return error_set(err, EBUSY,
				 "container %s is %s: its isolation can only be changed while it "
				 "is stopped; stop it first",
				 record.name, record_status_name(record.state.status));
	if (record.config.isolation == isolation)
		return 0;
	record.config.isolation = isolation;
	r = container_config_check(&record.config, err);
	if (r == 0)
		r = check_image(service, &record, err);
	/* What a conversion that was killed left. */
	if (r == 0)
		r = remove_scratch(&record, disk ? SCRATCH_DISK : SCRATCH_DIRECTORY, err);
	if (r == 0)
		r = disk ? to_disk(&record, err) : to_directory(&record, err);
	/* The point from which it is the other one. */
	if (r == 0)
		r = record_store_config(service, &record, err);
	return r == 0 ? remove_scratch(&record, disk ? SCRATCH_DIRECTORY : SCRATCH_DISK, err) : r;
}
