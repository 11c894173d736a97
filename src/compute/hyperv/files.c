/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/pid.h"
#include "compute/hyperv/client.h"
#include "compute/hyperv/process.h"
#include "wire/message.h"

static json_t *make_requests(const struct stored *s, const struct container_files *files)
{
	json_t *op = hyperv_op("files", s), *exclude = json_array();

	(void)json_object_set_new(op, "kind", json_string(container_files_name(files->kind)));
	if (files->path)
		(void)json_object_set_new(op, "path", json_string(files->path));
	if (files->name)
		(void)json_object_set_new(op, "name", json_string(files->name));
	(void)json_object_set_new(op, "follow", json_boolean(files->follow));
	(void)json_object_set_new(op, "mounts", json_boolean(files->mounts));
	(void)json_object_set_new(op, "same_owner", json_boolean(files->same_owner));
	for (const char *const *path = files->exclude; path && *path; path++)
		(void)json_array_append_new(exclude, json_string(*path));
	(void)json_object_set_new(op, "exclude", exclude);
	return json_pack("[o]", op);
}

/* What it said on its standard error, as the error that it is: the errno, a space, the message. */
static int say(const char *text, const char *id, int status, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	char *end = NULL;
	long code;

	if (!text || !*text)
		return error_set(err, EIO,
				 "files of container \"%s\": the guest ended with status %d", id,
				 status);
	code = strtol(text, &end, 10);
	if (code < 1 || code > 133 || *end != ' ')
		code = EIO;
	else
		text = end + 1;
	line = message_printable(text);
	return line ? error_set(err, (int)code, "%s", line) : error_oom(err);
}

int hyperv_files(const struct stored *s, const struct container_files *files, struct error *err)
{
	const bool in = files->kind == CONTAINER_FILES_UNPACK;
	_cleanup_close_ int pidfd = -1, read_end = -1, write_end = -1;
	struct hyperv_process process = { .console = -1 };
	_cleanup_free_ char *text = NULL;
	int pipes[2], r, status;
	json_t *requests;
	size_t len;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	read_end = pipes[0];
	write_end = pipes[1];
	process.stdio[0] = in ? files->fd : -1;
	process.stdio[1] = in ? -1 : files->fd;
	process.stdio[2] = write_end;
	process.requests = requests = make_requests(s, files);
	if (!requests)
		return error_oom(err);
	r = hyperv_process(s, &process, &pid, &pidfd, err);
	json_decref(requests);
	if (r < 0)
		return r;
	write_end = close_fd(write_end);
	/* To its end, or until it is more than an honest agent says: then vmproc finds nobody reading. */
	(void)fd_read_all(read_end, MESSAGE_TEXT_MAX, &text, &len);
	read_end = close_fd(read_end);
	status = pidfd_reap(pidfd);
	if (status < 0)
		return error_sys(err, -status, "wait for process %d", (int)pid);
	return status == 0 ? 0 : say(text, s->container.id, status, err);
}
