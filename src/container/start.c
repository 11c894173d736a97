/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/pid.h"
#include "container/container.h"
#include "container/listener.h"
#include "container/sync.h"

/* An init that has said why it fails ends at once. */
#define INIT_END_TIMEOUT_MS 5000

/* After START: init's word is an error, a seccomp listener to fetch, or its end of the socket
 * closed by execve, which is success. */
static int follow_exec(const struct container *c, const struct oci_spec *spec, int conn,
		       struct error *err)
{
	for (;;) {
		int code = 0, r = sync_receive(conn, &code, err);

		if (r <= 0)
			return r;
		if (r != SYNC_LISTENER)
			return error_set(err, EPROTO, "unexpected message %d from the container",
					 r);
		r = listener_deliver(c, spec, c->pid, code, "creating", err);
		if (r < 0)
			return r;
		r = sync_send(conn, SYNC_LISTENER_SENT, 0);
		if (r < 0)
			return error_sys(err, -r, "tell the container's process to go on");
	}
}

int container_init_start(const struct container *c, const struct oci_spec *spec, int init,
			 struct error *err)
{
	_cleanup_close_ int pidfd = pid_open(c->pid, c->pid_start);
	int r = sync_send(init, SYNC_START, 0);

	if (r < 0)
		return error_sys(err, -r, "start: the container's process ended");
	r = follow_exec(c, spec, init, err);
	/* containerd's shim refuses to delete a task whose init it has not yet seen end: a start that
	 * failed returns after that. */
	if (r < 0 && pidfd >= 0)
		(void)pidfd_wait_end(pidfd, INIT_END_TIMEOUT_MS);
	return r;
}

int container_start(const struct container *c, const struct oci_spec *spec, int state_fd,
		    struct error *err)
{
	_cleanup_close_ int conn = unix_connect(state_fd, CONTAINER_START_SOCKET, SOCK_SEQPACKET);
	int r;

	if (conn < 0)
		return error_sys(err, -conn, "start: connect to the container's process");
	r = container_init_start(c, spec, conn, err);
	if (r == 0)
		(void)unlinkat(state_fd, CONTAINER_START_SOCKET, 0);
	return r;
}
