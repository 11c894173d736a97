/* SPDX-License-Identifier: Apache-2.0 */
/* create and exec: what leaves a process, which becomes the agent's child when the worker ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/agent.h"
#include "guest/bundle.h"
#include "guest/pod.h"
#include "guest/request.h"
#include "guest/share.h"
#include "oci/parse.h"

/* How the compute layer tells what it made: files of this worker's own. */
struct outcome {
	char pid_file[64], socket[64];
	int listener; /* owned; -1: no terminal */
};
#define OUTCOME_INIT ((struct outcome){ .listener = -1 })

static void outcome_done(struct outcome *o)
{
	o->listener = close_fd(o->listener);
	if (*o->pid_file)
		(void)unlink(o->pid_file);
	if (*o->socket)
		(void)unlink(o->socket);
}

static int outcome_prepare(struct outcome *o, bool terminal, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)mkdir(AGENT_RUN, 0711);
	(void)mkdir(AGENT_TEMP, 0700);
	(void)snprintf(o->pid_file, sizeof(o->pid_file), AGENT_TEMP "/%d.pid", (int)getpid());
	if (!terminal)
		return 0;
	(void)snprintf(o->socket, sizeof(o->socket), AGENT_TEMP "/%d.sock", (int)getpid());
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", o->socket);
	(void)unlink(o->socket);
	o->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (o->listener < 0 ||
	    bind(o->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(o->listener, 1) < 0)
		return error_sys(err, errno, "make a console socket");
	return 0;
}

/* It has been sent before the process was ready. */
static int receive_terminal(const struct outcome *o, struct error *err)
{
	_cleanup_close_ int sock = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);
	char name[64];
	size_t n = 1;
	int master;

	if (sock < 0)
		return error_sys(err, errno, "receive the terminal");
	if (fd_receive(sock, name, sizeof(name), &master, &n) < 0 || n != 1)
		return error_set(err, EPROTO, "receive the terminal: none came");
	return master;
}

/* Tells the agent; the pid goes into the answer too. */
static int outcome_report(const struct outcome *o, const struct request *request,
			  json_t **ret_result, struct error *err)
{
	_cleanup_close_ int master = -1;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int32_t pid;
	int r;

	r = file_read(AT_FDCWD, o->pid_file, 32, &text, &len);
	pid = r < 0 ? 0 : (int32_t)strtol(text, NULL, 10);
	if (pid <= 0)
		return error_set(err, EIO, "read the pid of the new process");
	if (request->terminal)
		master = receive_terminal(o, err);
	if (request->terminal && master < 0)
		return master;
	r = worker_send(request->channel, WORKER_PROCESS, &pid, sizeof(pid), master);
	if (r < 0)
		return error_sys(err, -r, "tell the agent of the new process");
	*ret_result = json_pack("{s:i}", "pid", pid);
	return *ret_result ? 0 : error_oom(err);
}

static void undo_create(struct request *request)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	(void)compute_delete(&request->host, request->id, true, &ignored);
}

int request_create(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_(outcome_done) struct outcome outcome = OUTCOME_INIT;
	_cleanup_free_ char *bundle = NULL;
	/* Whatever the annotations say of the VM that this is. */
	struct compute_create create = { .id = request->id,
					 .owner = "root",
					 .isolation = ISOLATION_PROCESS,
					 .hooks_in_root = true,
					 .files_only = request_bool(request, "files_only") };
	int r;

	/* The host's, for hooks: they may know the container by it. */
	create.hooks_bundle = json_string_value(json_object_get(request->root, "bundle"));
	if (request->system && !json_is_false(json_object_get(request->root, "share"))) {
		r = share_mount(err);
		if (r < 0)
			return r;
	}
	r = bundle_make(request, &bundle, err);
	if (r < 0)
		return r;
	r = outcome_prepare(&outcome, request->terminal, err);
	if (r == 0) {
		create.bundle = bundle;
		create.pid_file = outcome.pid_file;
		create.console_socket = *outcome.socket ? outcome.socket : NULL;
		r = compute_create(&request->host, &create, err);
	}
	if (r == 0) {
		r = outcome_report(&outcome, request, ret_result, err);
		if (r == 0 && request->system)
			r = pod_keep((pid_t)json_integer_value(json_object_get(*ret_result, "pid")),
				     err);
		if (r < 0)
			undo_create(request);
	}
	if (r < 0)
		bundle_remove(request->id);
	return r;
}

int request_exec(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_(outcome_done) struct outcome outcome = OUTCOME_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct compute_exec exec = { .id = request->id,
				     .detach = true,
				     .ignore_paused = request_bool(request, "ignore_paused") };
	_cleanup_free_ char *text = NULL;
	struct oci_process *process;
	size_t len;
	int r, status;

	r = request_object(request, "process", &text, &len, err);
	if (r == 0)
		r = oci_process_parse(text, len, &arena, &process, err);
	if (r == 0 && json_object_get(request->root, "cgroup"))
		r = request_string(request, "cgroup", &exec.cgroup, err);
	if (r == 0)
		r = outcome_prepare(&outcome, request->terminal, err);
	if (r < 0)
		return r;
	exec.process = process;
	exec.pid_file = outcome.pid_file;
	exec.console_socket = *outcome.socket ? outcome.socket : NULL;
	r = compute_exec(&request->host, &exec, &status, err);
	return r < 0 ? r : outcome_report(&outcome, request, ret_result, err);
}
