/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/message.h"

static bool is_mounted(void)
{
	struct stat share, above;

	return stat(GUEST_SHARE, &share) == 0 && stat(GUEST_SHARE "/..", &above) == 0 &&
	       share.st_dev != above.st_dev;
}

int share_mount(struct error *err)
{
	_cleanup_close_ int lock = -1;

	(void)mkdir(GUEST_SHARE, 0755);
	if (is_mounted())
		return 0;
	lock = open("/run/hcs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return error_sys(err, errno, "lock /run/hcs");
	if (is_mounted())
		return 0;
	if (mount(GUEST_SHARE_TAG, GUEST_SHARE, "virtiofs", 0, NULL) < 0)
		return error_sys(err, errno, "mount the host's share");
	return 0;
}
