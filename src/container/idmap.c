/* SPDX-License-Identifier: Apache-2.0 */
#include "container/idmap.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"

#define MAPPINGS_MAX 340 /* the kernel's limit on lines of a map */

static int write_map(pid_t pid, const char *file, const struct oci_id_mappings *mappings,
		     struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t used = 0, size = mappings->len * 36 + 1;
	int r;

	if (mappings->len == 0 || mappings->len > MAPPINGS_MAX)
		return error_set(err, EINVAL, "%s: needs 1 to %d mappings", file, MAPPINGS_MAX);
	text = malloc(size);
	if (!text)
		return error_oom(err);
	for (size_t i = 0; i < mappings->len; i++)
		used += (size_t)snprintf(text + used, size - used, "%u %u %u\n",
					 mappings->items[i].container_id,
					 mappings->items[i].host_id, mappings->items[i].size);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	r = file_write(AT_FDCWD, path, text, used);
	return r < 0 ? error_sys(err, -r, "write %s of the mount's user namespace", file) : 0;
}

/* The child holds the namespace until it is open. No exit signal: the caller's SIGCHLD is not ours.
 */
static pid_t hold_namespace(int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		(void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	}
	return pid;
}

int idmap_open(const struct oci_id_mappings *uids, const struct oci_id_mappings *gids,
	       struct error *err)
{
	_cleanup_close_ int pidfd = -1;
	pid_t pid = hold_namespace(&pidfd);
	siginfo_t info;
	char path[64];
	int r, fd = -1;

	if (pid < 0)
		return error_sys(err, errno, "make a user namespace for the mount");
	r = write_map(pid, "uid_map", uids, err);
	if (r == 0)
		r = write_map(pid, "gid_map", gids, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = error_sys(err, errno, "open the mount's user namespace");
	}
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	return r < 0 ? r : fd;
}
