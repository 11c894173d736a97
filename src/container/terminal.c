/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/process.h"
#include "container/rootfs.h"

static int become_terminal(int slave, struct error *err)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return error_sys(err, errno, "terminal: dup2");
	/* setsid was done: the session has no terminal yet, this becomes it. */
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return error_sys(err, errno, "terminal: TIOCSCTTY");
	return 0;
}

/* In a mount namespace of others, or the host's, /dev/console is not ours to cover. */
static bool own_mounts(const struct rootfs *fs)
{
	const struct oci_linux *l = fs->spec->linux_;

	return l && l->namespaces[OCI_NS_MOUNT].present && !l->namespaces[OCI_NS_MOUNT].path;
}

int process_open_terminal(struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	static const char name[] = "/dev/ptmx";
	_cleanup_close_ int master = -1, slave = -1;
	int r;

	r = rootfs_open_pty(fs, &master, &slave, err);
	if (r < 0)
		return error_wrap(err, r, "process.terminal");
	if (plan->oci->console_size.set) {
		struct winsize size = {
			.ws_row = (unsigned short)plan->oci->console_size.height,
			.ws_col = (unsigned short)plan->oci->console_size.width,
		};

		if (ioctl(master, TIOCSWINSZ, &size) < 0)
			return error_sys(err, errno, "process.consoleSize");
	}
	if (plan->is_init && own_mounts(fs)) {
		r = rootfs_bind_console(fs, slave, err);
		if (r < 0)
			return error_wrap(err, r, "process.terminal");
	}
	/* The name is what runc and crun send; receivers show it, nothing more. */
	r = fd_send(plan->console_sock, name, sizeof(name), &master, 1);
	if (r < 0)
		return error_sys(err, -r, "send the terminal to the console socket");
	return become_terminal(slave, err);
}
