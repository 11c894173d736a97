/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "wire/message.h"

int pod_keep(pid_t init, struct error *err)
{
	static const char *const kinds[] = { "net", "ipc", "uts", "pid" };

	if (mkdir(GUEST_POD, 0711) < 0)
		return errno == EEXIST ? 0 : error_sys(err, errno, "make " GUEST_POD);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_close_ int fd = -1;
		char from[64], to[64];

		(void)snprintf(from, sizeof(from), "/proc/%d/ns/%s", (int)init, kinds[i]);
		(void)snprintf(to, sizeof(to), GUEST_POD "/%s", kinds[i]);
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0)
			return error_sys(err, errno, "keep the pod's namespace %s", kinds[i]);
	}
	return 0;
}
