/* SPDX-License-Identifier: Apache-2.0 */
/* From one isolation to the other: what a container wrote goes with it. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/child_task.h"
#include "base/remove.h"
#include "compute/scratch.h"
#include "service/bundle.h"
#include "service/files.h"
#include "service/lifecycle.h"
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

struct packing {
	struct service_files *files;
	int fd;
};

static int pack(void *data, struct error *err)
{
	const struct packing *packing = data;
	const struct container_files what = { .kind = CONTAINER_FILES_CHANGES,
					      .path = "/",
					      .fd = packing->fd };

	return service_files(packing->files, &what, err);
}

/* What a guest says is in its scratch, unpacked like any image's layer: nothing in it is believed. */
static int unpack(int fd, int upper, uint64_t size_gb, struct error *err)
{
	const struct archive_extract how = {
		.root = upper,
		.whiteout = ARCHIVE_WHITEOUT_OVERLAY,
		.limits = { .bytes = size_gb << 30 },
		.same_owner = true,
		.devices = true,
	};

	return archive_extract(fd, &how, NULL, err);
}

static int copy_changes(struct service_files *files, int upper, uint64_t size_gb, struct error *err)
{
	_cleanup_error_ struct error pack_err = ERROR_INIT, unpack_err = ERROR_INIT;
	struct packing packing = { .files = files };
	struct child_task task = CHILD_TASK_INIT;
	_cleanup_close_ int read_end = -1;
	int pipes[2], packed, unpacked, r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	read_end = pipes[0];
	packing.fd = pipes[1];
	r = child_task_start(&task, pack, &packing, read_end, err);
	(void)close_fd(pipes[1]);
	if (r < 0)
		return r;
	unpacked = unpack(read_end, upper, size_gb, &unpack_err);
	read_end = close_fd(read_end);
	packed = child_task_end(&task, &pack_err);
	/* Whoever broke first has the cause. */
	if (packed < 0 && packed != -EPIPE) {
		error_move(err, &pack_err);
		return packed;
	}
	if (unpacked < 0)
		error_move(err, &unpack_err);
	return unpacked;
}

/* A file system that a guest has written is never mounted on the host: a utility VM reads it. */
static int to_directory(struct service_files *files, struct error *err)
{
	const struct record *record = &files->record;
	_cleanup_close_ int upper = -1;
	uint64_t size;
	int r = scratch_size_gb(record, &size, err);

	if (r < 0)
		return r;
	if (mkdirat(record->dir_fd, SCRATCH_DIRECTORY, 0700) < 0 ||
	    mkdirat(record->dir_fd, SCRATCH_DIRECTORY "/upper", 0755) < 0)
		return error_sys(err, errno, "make %s/" SCRATCH_DIRECTORY, record->path);
	/* One that no VM has had yet is empty. */
	if (!record->state.started_at)
		return 0;
	upper = openat(record->dir_fd, SCRATCH_DIRECTORY "/upper",
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (upper < 0)
		return error_sys(err, errno, "open %s/" SCRATCH_DIRECTORY, record->path);
	r = copy_changes(files, upper, size, err);
	if (r == 0 && syncfs(upper) < 0)
		r = error_sys(err, errno, "write %s/" SCRATCH_DIRECTORY, record->path);
	return r < 0 ? error_wrap(err, r, "copy what container %s wrote", record->name) : 0;
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

static int convert(const struct service *service, struct service_files *files,
		   enum compute_isolation isolation, struct error *err)
{
	struct record *record = &files->record;
	const bool disk = isolation == ISOLATION_HYPERV;
	int r;

	record->config.isolation = isolation;
	r = container_config_check(&record->config, err);
	if (r == 0)
		r = check_image(service, record, err);
	/* Who joins another's VM writes to a directory in either isolation. */
	if (r == 0 && mode_container(record->config.network_mode))
		return record_store_config(service, record, err);
	/* What a conversion that was killed left. */
	if (r == 0)
		r = remove_scratch(record, disk ? SCRATCH_DISK : SCRATCH_DIRECTORY, err);
	if (r == 0)
		r = disk ? to_disk(record, err) : to_directory(files, err);
	/* The point from which it is the other one. */
	if (r == 0)
		r = record_store_config(service, record, err);
	return r == 0 ? remove_scratch(record, disk ? SCRATCH_DIRECTORY : SCRATCH_DISK, err) : r;
}

static int check(const struct record *record, struct error *err)
{
	return record_is_up(record)
		       ? error_set(err, EBUSY,
				   "container %s is %s: its isolation can only be changed while it "
				   "is stopped; stop it first",
				   record->name, record_status_name(record->state.status))
		       : 0;
}

int service_set_isolation(const struct service *service, const char *name,
			  enum compute_isolation isolation, struct error *err)
{
	_cleanup_service_files_ struct service_files files = SERVICE_FILES_INIT;
	bool disk_is_read;
	int r = record_open(service, name, RECORD_LOCK, &files.record, err);

	if (r == 0)
		r = check(&files.record, err);
	if (r < 0 || files.record.config.isolation == isolation)
		return r;
	disk_is_read = isolation == ISOLATION_PROCESS && files.record.state.started_at &&
		       !mode_container(files.record.config.network_mode);
	if (disk_is_read) {
		/* The VM is made for it while the record is still of the old isolation, and locked. */
		record_done(&files.record);
		files.record = RECORD_INIT;
		r = service_files_open(service, name, &files, err);
		if (r == 0)
			r = check(&files.record, err);
	}
	return r == 0 ? convert(service, &files, isolation, err) : r;
}
