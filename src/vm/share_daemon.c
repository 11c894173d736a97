/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/share_daemon.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vm/settings.h"

#define BIT(n) (UINT64_C(1) << (n))

/* An O_PATH descriptor for each file that the guest has looked at: it forgets them only when its
 * memory is short. */
#define OPEN_FILES (1 << 20)

static const struct helper_spec base = {
	.path = "/usr/lib/qemu/virtiofsd",
	.package = "qemu-system-common",
	.nofile = OPEN_FILES,
	/* The directories that mounts are attached to are the host's, which goes through them: the
	 * guest may not put anything in their place. */
	.readonly = VM_SHARE_ROOT,
	/* It makes files as the user that the guest names, but does not know that user's supplementary
	 * groups: a directory that only these may write would refuse. The guest's kernel has checked. */
	.keeps_caps = true,
	/* The first line for the guest's files; the second for its sandbox, dropped by itself then. */
	.caps = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
		BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP) |
		BIT(CAP_SYS_ADMIN) | BIT(CAP_SETPCAP),
};

/*
 * cache=auto with a timeout of 0: the guest asks for attributes and names each time, and drops
 * cached pages when a file's time or size has changed: what the host does is seen at once, and
 * mmap(2) works, which it would not with cache=none. Writes go through (no writeback).
 * announce_submounts: each file system keeps its own device number in the guest; inode numbers of
 * different ones must not be taken for the same file.
 * Locks stay in the guest: a lock that waits would hold a thread of the daemon.
 */
#define OPTIONS                                                                                    \
	"source=" VM_SHARE_ROOT                                                                    \
	",sandbox=namespace,cache=auto,timeout=0,xattr,announce_submounts,no_writeback,"           \
	"no_flock,no_posix_lock,log_level=err"

int share_daemon_start(struct share_daemon *ret, struct error *err)
{
	_cleanup_share_daemon_ struct share_daemon daemon = SHARE_DAEMON_INIT;
	_cleanup_close_ int listener = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address);
	struct helper_spec spec = base;
	char fd_option[32];
	char *argv[] = { (char *)(uintptr_t)base.path,
			 fd_option,
			 (char *)"-o",
			 (char *)OPTIONS,
			 (char *)"--thread-pool-size=2",
			 (char *)"--rlimit-nofile=0",
			 (char *)"-f",
			 NULL };
	int r;

	if (geteuid() != 0)
		return error_set(err, EPERM, "the share's daemon needs root");
	/* An abstract name that the kernel chooses: nothing in a file system, and nobody else is in
	 * this network namespace. The daemon wants to accept, so both ends are ours until then. */
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	daemon.connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || daemon.connection < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
	    connect(daemon.connection, (struct sockaddr *)&address, len) < 0)
		return error_sys(err, errno, "socket of the share's daemon");
	(void)snprintf(fd_option, sizeof(fd_option), "--fd=%d", listener);
	spec.argv = argv;
	spec.fds = &listener;
	spec.fds_len = 1;
	r = helper_start(&spec, &daemon.helper, err);
	if (r < 0)
		return r;
	*ret = daemon;
	daemon = SHARE_DAEMON_INIT;
	return 0;
}

int share_daemon_confirm(struct share_daemon *daemon, struct error *err)
{
	return helper_confirm(&daemon->helper, &base, err);
}

void share_daemon_done(struct share_daemon *daemon)
{
	helper_done(&daemon->helper);
	daemon->connection = close_fd(daemon->connection);
}
