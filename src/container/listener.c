/* SPDX-License-Identifier: Apache-2.0 */
#include "container/listener.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fd.h"

static char *process_state(const struct container *c, const struct oci_spec *spec, pid_t pid,
			   const char *status)
{
	json_t *annotations = json_object(), *o;
	const char *metadata = spec->linux_->seccomp->listener_metadata;
	char *text = NULL;

	for (size_t i = 0; annotations && i < spec->annotations.len; i++)
		(void)json_object_set_new(annotations, spec->annotations.items[i].key,
					  json_string(spec->annotations.items[i].value));
	o = json_pack("{s:s s:[s] s:i s:s s:{s:s s:s s:s s:i s:s s:o}}", "ociVersion",
		      spec->oci_version, "fds", "seccompFd", "pid", (int)pid, "metadata",
		      metadata ? metadata : "", "state", "ociVersion", spec->oci_version, "id",
		      c->id, "status", status, "pid", (int)c->pid, "bundle", c->bundle,
		      "annotations", annotations);
	if (o)
		text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

int listener_deliver(const struct container *c, const struct oci_spec *spec, pid_t pid, int fd,
		     const char *status, struct error *err)
{
	const char *path = spec->linux_->seccomp->listener_path;
	_cleanup_close_ int pidfd = -1, listener = -1, sock = -1;
	_cleanup_free_ char *text = NULL;
	int r;

	if (!path)
		return error_set(err, EINVAL, "linux.seccomp.listenerPath: required");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return error_sys(err, errno, "open the container's process");
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (listener < 0)
		return error_sys(err, errno, "take the seccomp listener");
	text = process_state(c, spec, pid, status);
	if (!text)
		return error_oom(err);
	sock = unix_connect(AT_FDCWD, path, SOCK_STREAM);
	if (sock < 0)
		return error_sys(err, -sock, "linux.seccomp.listenerPath %s", path);
	r = fd_send(sock, text, strlen(text), &listener, 1);
	return r < 0 ? error_sys(err, -r, "linux.seccomp.listenerPath %s", path) : 0;
}
