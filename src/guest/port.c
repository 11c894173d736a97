/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/system.h"
#include "wire/message.h"

#define PORTS "/sys/class/virtio-ports"

/* 1 and *ret_fd, 0 where it is not there (yet), or -errno. */
static int find_port(int *ret_fd, struct error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(PORTS);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *name = NULL, *path = NULL, *text = NULL;
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&name, "%s/name", entry->d_name) < 0 ||
		    asprintf(&path, "/dev/%s", entry->d_name) < 0)
			return error_oom(err);
		/* The name comes after the port itself, by a message of its own. */
		if (file_read(dirfd(dir), name, 4096, &text, &len) < 0 ||
		    strncmp(text, GUEST_PORT, strlen(GUEST_PORT)) != 0 ||
		    (text[strlen(GUEST_PORT)] != '\n' && text[strlen(GUEST_PORT)]))
			continue;
		*ret_fd = open(path, O_RDWR | O_CLOEXEC);
		return *ret_fd < 0 ? error_sys(err, errno, "open %s", path) : 1;
	}
	return 0;
}

int system_open_port(int timeout_ms, int *ret_fd, struct error *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int64_t deadline = clock_ms() + timeout_ms, left;
	_cleanup_close_ int events = -1;
	char ignored[4096];
	int r;

	/* The kernel tells of every new device. Asked before looking, so that none is missed. */
	events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);
	if (events < 0 || bind(events, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, errno, "listen for devices");
	for (;;) {
		struct pollfd pfd = { .fd = events, .events = POLLIN };

		r = find_port(ret_fd, err);
		if (r != 0)
			return r < 0 ? r : 0;
		left = deadline - clock_ms();
		if (left <= 0)
			return error_set(err, ENODEV, "the VM has no port \"%s\"", GUEST_PORT);
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		while (read(events, ignored, sizeof(ignored)) > 0)
			;
	}
}
