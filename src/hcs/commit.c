/* SPDX-License-Identifier: Apache-2.0 */
/* commit: what a container has changed becomes a layer. hcs packs it, hcs-image stores it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/libexec.h"
#include "hcs/hcs.h"
#include "service/changes.h"
#include "service/record.h"

#define PROGRAM "hcs-image"
#define COMMAND "commit-layer" /* not for people: src/hcsimage/commit_layer.c */

struct values {
	const char *author, *message;
	struct flag_list changes;
	bool pause;
};

static const struct flag flags[] = {
	FLAG(STRING, "author", 'a', struct values, author, "TEXT", "who made it"),
	FLAG(LIST, "change", 'c', struct values, changes, "LINE",
	     "apply a line of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, "
	     "WORKDIR, "
	     "STOPSIGNAL"),
	FLAG(STRING, "message", 'm', struct values, message, "TEXT", "what it is"),
	FLAG(BOOL, "pause", 'p', struct values, pause, NULL, "pause it meanwhile (default true)"),
	FLAGS_END,
};

/* The configuration that the container had: of what docker calls Config, what images have too. */
static char *image_config(const struct record *record)
{
	static const char *const keys[] = { "User",       "ExposedPorts", "Env",
					    "Entrypoint", "Cmd",          "Volumes",
					    "WorkingDir", "Labels",       "StopSignal" };
	json_t *whole = container_config_json(&record->config);
	const json_t *from = json_object_get(whole, "Config");
	json_t *config = json_object();
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_get(from, keys[i]))
			(void)json_object_set(config, keys[i], json_object_get(from, keys[i]));
	text = json_dumps(config, JSON_COMPACT);
	json_decref(config);
	json_decref(whole);
	return text;
}

/* The environment may hold secrets, and everybody reads the arguments of a process. */
static int open_config(const struct record *record, struct error *err)
{
	_cleanup_free_ char *config = image_config(record);
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);
	int r;

	if (!config)
		return error_oom(err);
	r = fd < 0 ? -errno : fd_write_all(fd, config, strlen(config));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, -r, "memfd_create") : TAKE_FD(fd);
}

/* Typed at a terminal these reach the program too, which ends; we stay, and let the container go on. */
static void from_keyboard(void (*handler)(int))
{
	(void)signal(SIGINT, handler);
	(void)signal(SIGQUIT, handler);
	(void)signal(SIGHUP, handler);
}

/* Its standard input is the layer; the id goes to our standard output. */
static int start_store(const struct cli *cli, const struct values *given,
		       const struct record *record, const char *name, int *ret_pipe, pid_t *ret_pid,
		       struct error *err)
{
	_cleanup_free_ char *path = libexec_path(PROGRAM);
	_cleanup_close_ int config = open_config(record, err);
	_cleanup_free_ const char **argv = calloc(20 + 2 * given->changes.len, sizeof(*argv));
	char config_fd[16];
	int pipes[2];
	size_t n = 0;

	if (config < 0)
		return config;
	if (!path || !argv)
		return error_oom(err);
	argv[n++] = PROGRAM;
	argv[n++] = "--root";
	argv[n++] = cli->root;
	argv[n++] = COMMAND;
	(void)snprintf(config_fd, sizeof(config_fd), "%d", config);
	argv[n++] = "--config-fd";
	argv[n++] = config_fd;
	if (given->author) {
		argv[n++] = "--author";
		argv[n++] = given->author;
	}
	if (given->message) {
		argv[n++] = "--message";
		argv[n++] = given->message;
	}
	for (size_t i = 0; i < given->changes.len; i++) {
		argv[n++] = "--change";
		argv[n++] = given->changes.items[i];
	}
	argv[n++] = record->image_id;
	if (name)
		argv[n++] = name;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	*ret_pid = fork();
	if (*ret_pid == 0) {
		from_keyboard(SIG_DFL);
		if (dup2(pipes[0], STDIN_FILENO) >= 0 && fcntl(config, F_SETFD, 0) == 0)
			(void)execv(path, (char *const *)argv);
		(void)dprintf(STDERR_FILENO, "hcs: run %s: %s\n", path, strerror(errno));
		_exit(1);
	}
	(void)close(pipes[0]);
	if (*ret_pid < 0) {
		(void)close(pipes[1]);
		return error_sys(err, errno, "fork");
	}
	*ret_pipe = pipes[1];
	return 0;
}

static int store(const struct cli *cli, const struct values *given, const struct service *service,
		 const struct record *record, const char *name, int *ret_status, struct error *err)
{
	int r, status = 0, pipe_ = -1;
	pid_t pid = -1;

	r = start_store(cli, given, record, name, &pipe_, &pid, err);
	if (r < 0)
		return r;
	r = service_changes_layer(service, record->id, pipe_, err);
	/* A layer that broke off is no whole archive: it ends where the end of one is missing. */
	if (r < 0)
		(void)kill(pid, SIGKILL);
	(void)close(pipe_);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* It has said why; that its reader went is not what happened first. */
	if (r == -EPIPE || r == 0) {
		error_done(err);
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		return 0;
	}
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_error_ struct error resume_err = ERROR_INIT;
	struct values given = { .pause = true };
	struct flag_args args;
	bool paused = false;
	int r = flags_parse(&command_commit, argc, argv, &given, &args, err);

	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = record_open(&service, args.items[0], RECORD_READ, &record, err);
	from_keyboard(SIG_IGN);
	/* A VM's disk is read by its guest, which has to run for it. */
	if (r == 0 && given.pause && record.state.status == RECORD_RUNNING) {
		r = service_pause(&service, record.id, true, err);
		paused = r == 0;
	}
	if (r == 0)
		r = store(cli, &given, &service, &record, args.len > 1 ? args.items[1] : NULL,
			  ret_status, err);
	if (paused && service_pause(&service, record.id, false, &resume_err) < 0 && r == 0) {
		error_move(err, &resume_err);
		r = -err->code;
	}
	flag_list_done(&given.changes);
	return r;
}

const struct cli_command command_commit = {
	.name = "commit",
	.summary = "make an image of what a container has changed",
	.usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
	.description = "Makes an image of the container's own, with one layer more for what it has "
		       "changed, "
		       "and prints its id. What is in volumes is not in it.",
	.flags = flags,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
