/* SPDX-License-Identifier: Apache-2.0 */
#include "service/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "compute/scratch.h"
#include "service/container_config_hyperv.h"

int scratch_size_gb(const struct record *record, uint64_t *ret, struct error *err)
{
	const struct key_values *options = &record->config.storage_opt;
	const char *text = NULL;
	unsigned long long number;
	char *end;

	*ret = COMPUTE_SCRATCH_GB_DEFAULT;
	for (size_t i = 0; i < options->len; i++)
		if (strcmp(options->items[i].key, "size") == 0)
			text = options->items[i].value;
	if (!text)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (strchr("tT", *end) && *end)
		number *= 1024;
	else if (strchr("mM", *end) && *end)
		number = (number + 1023) / 1024;
	else if (!strchr("gG", *end) || !*end)
		number = (number + (1ull << 30) - 1) >> 30;
	if (errno || end == text || number < COMPUTE_SCRATCH_GB_MIN ||
	    number > COMPUTE_SCRATCH_GB_MAX)
		return error_set(err, EINVAL, "--storage-opt size=%s: a scratch has %d GB to %d GB",
				 text, COMPUTE_SCRATCH_GB_MIN, COMPUTE_SCRATCH_GB_MAX);
	*ret = number;
	return 0;
}

static int make_disk(const struct record *record, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	uint64_t size;
	int r;

	if (faccessat(record->dir_fd, SCRATCH_DISK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = scratch_size_gb(record, &size, err);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/" SCRATCH_DISK, record->path) < 0) {
		path = NULL;
		return error_oom(err);
	}
	return compute_create_scratch(path, size, err);
}

int scratch_make(const struct record *record, struct error *err)
{
	/* A VM that is joined takes no more disks. */
	if (record->config.isolation == ISOLATION_HYPERV &&
	    !container_config_vm_host(&record->config))
		return make_disk(record, err);
	if (mkdirat(record->dir_fd, SCRATCH_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s/" SCRATCH_DIRECTORY, record->path);
	return 0;
}
