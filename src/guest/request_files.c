/* SPDX-License-Identifier: Apache-2.0 */
/* files: a process of the agent's own that packs or unpacks what a container has (container/files.h). */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "compute/store.h"
#include "container/files.h"
#include "guest/request.h"
#include "oci/parse.h"
#include "wire/message.h"

#define EXCLUDE_MAX 1024 /* mounts of a container */

/* exclude: room for EXCLUDE_MAX and the end. */
static int parse(const struct request *request, struct container_files *files, const char **exclude,
		 struct error *err)
{
	const char *kind;
	size_t i, n = 0;
	json_t *value;
	int r = request_string(request, "kind", &kind, err);

	if (r < 0)
		return r;
	if (container_files_parse(kind, &files->kind) < 0)
		return error_set(err, EINVAL, "kind: no such operation on files");
	if (files->kind != CONTAINER_FILES_CHANGES)
		r = request_string(request, "path", &files->path, err);
	files->name = json_string_value(json_object_get(request->root, "name"));
	files->exclude = exclude;
	if (json_array_size(json_object_get(request->root, "exclude")) > EXCLUDE_MAX)
		return error_set(err, E2BIG, "exclude: more than %d paths", EXCLUDE_MAX);
	json_array_foreach(json_object_get(request->root, "exclude"), i,
			   value) if (json_is_string(value)) exclude[n++] =
		json_string_value(value);
	files->follow = request_bool(request, "follow");
	files->mounts = request_bool(request, "mounts");
	files->same_owner = request_bool(request, "same_owner");
	files->fd = files->kind == CONTAINER_FILES_UNPACK ? STDIN_FILENO : STDOUT_FILENO;
	return r;
}

/* What the container has changed is on its scratch, below the overlay that is mounted over it: which is taken
 * away in this process's own view. Its configuration knows only a root directory. */
static int uncover_scratch(const struct stored *s, struct oci_spec *spec, char **layers,
			   struct error *err)
{
	if (asprintf(&layers[0], GUEST_SCRATCH "/%s", s->container.id) < 0)
		return error_oom(err);
	if (access(layers[0], F_OK) < 0)
		return 0; /* container_files says that there are no layers */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    umount2(layers[0], MNT_DETACH) < 0)
		return error_sys(err, errno, "uncover the scratch");
	spec->layer_folders = (struct strv){ .items = layers, .len = 1 };
	return 0;
}

/* Its end is the answer: the caller reads the error as errno and message. */
static _Noreturn void child_main(const struct stored *s, struct oci_spec *spec,
				 const struct container_files *files, int channel)
{
	struct error err = ERROR_INIT;
	char *layers[2] = { NULL };
	int r = 0;

	(void)close_fd(channel);
	(void)signal(SIGPIPE, SIG_IGN);
	if (files->kind == CONTAINER_FILES_CHANGES)
		r = uncover_scratch(s, spec, layers, &err);
	if (r == 0 && container_files(&s->container, spec, files, &err) == 0) {
		/* The VM may be there for this alone, and is ended when we have answered: as if its power were
		 * cut. */
		if (files->kind == CONTAINER_FILES_UNPACK)
			sync();
		_exit(0);
	}
	(void)dprintf(STDERR_FILENO, "%d %s", err.code, error_text(&err));
	_exit(1);
}

int request_files(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	const char *exclude[EXCLUDE_MAX + 1] = { 0 };
	struct container_files files = { 0 };
	int32_t pid;
	int r;

	r = parse(request, &files, exclude, err);
	if (r == 0)
		r = store_open(&request->host, request->id, STORE_READ, &s, err);
	if (r == 0)
		r = store_load_config(s.dir_fd, &spec, err);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return error_sys(err, errno, "fork");
	if (pid == 0)
		child_main(&s, &spec, &files, request->channel);
	r = worker_send(request->channel, WORKER_PROCESS, &pid, sizeof(pid), -1);
	if (r < 0)
		return error_sys(err, -r, "tell the agent of the new process");
	*ret_result = json_pack("{s:i}", "pid", pid);
	return *ret_result ? 0 : error_oom(err);
}
