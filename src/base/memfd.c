/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memfd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"

int memfd_of_json(const char *name, json_t *value, struct error *err)
{
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	_cleanup_close_ int fd = -1;
	int r;

	json_decref(value);
	if (!text)
		return error_oom(err);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_sys(err, errno, "memfd_create");
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return error_sys(err, -r, "write to memory");
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_sys(err, errno, "seal memory");
	return TAKE_FD(fd);
}
