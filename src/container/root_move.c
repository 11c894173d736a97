/* SPDX-License-Identifier: Apache-2.0 */
#include "container/root_move.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/fd.h"
#include "container/mount_fd.h"

#define MOUNTINFO_MAX (16 << 20)

/* Spaces and the like are written as \ooo. */
static void unescape(char *path)
{
	char *out = path;

	for (const char *in = path; *in; in++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] && in[3]) {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

static int hide(const char *path, struct error *err)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };

	/* A slave first, so that the host keeps its own. */
	(void)mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &slave, sizeof(slave));
	if (umount2(path, MNT_DETACH) == 0 || errno == ENOENT)
		return 0;
	/* Locked in a user namespace: covered instead. */
	if ((errno == EINVAL || errno == EPERM) &&
	    mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0") ==
		    0)
		return 0;
	return error_sys(err, errno, "unmount %s", path);
}

/* One line: "id parent maj:min root mountpoint options [fields] - type source options". */
static int hide_line(char *line, const char *root, struct error *err)
{
	char *type = strstr(line, " - "), *point = line, *end;
	size_t len = strlen(root);

	if (!type)
		return 0;
	type += strlen(" - ");
	if (strncmp(type, "proc ", 5) != 0 && strncmp(type, "sysfs ", 6) != 0)
		return 0;
	for (int i = 0; i < 4 && point; i++) {
		point = strchr(point, ' ');
		point = point ? point + 1 : NULL;
	}
	end = point ? strchr(point, ' ') : NULL;
	if (!end)
		return 0;
	*end = '\0';
	unescape(point);
	/* The container's own are below its root. */
	if (strncmp(point, root, len) == 0 && (point[len] == '/' || point[len] == '\0'))
		return 0;
	return hide(point, err);
}

int root_move(int root_fd, struct error *err)
{
	_cleanup_free_ char *mountinfo = NULL, *root = NULL;
	char *line, *state = NULL;
	size_t len;
	int r;

	if (fchdir(root_fd) < 0)
		return error_sys(err, errno, "enter the root");
	root = getcwd(NULL, 0);
	if (!root)
		return error_sys(err, errno, "find the path of the root");
	r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, &len);
	if (r < 0)
		return error_sys(err, -r, "read /proc/self/mountinfo");
	for (line = strtok_r(mountinfo, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		r = hide_line(line, root, err);
		if (r < 0)
			return r;
	}
	if (move_mount(root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "move the root onto /");
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_sys(err, errno, "enter the root");
	return 0;
}
