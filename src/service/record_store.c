/* SPDX-License-Identifier: Apache-2.0 */
#include "service/record_store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "service/network_json.h"

#define CONFIG_FILE "container.json"
#define STATE_FILE "state.json"
#define FILE_MAX ((size_t)16 * 1024 * 1024)

static const char *const status_names[] = {
	[RECORD_CREATED] = "created",   [RECORD_RUNNING] = "running",
	[RECORD_PAUSED] = "paused",     [RECORD_RESTARTING] = "restarting",
	[RECORD_REMOVING] = "removing", [RECORD_EXITED] = "exited",
	[RECORD_DEAD] = "dead",
};

const char *record_status_name(enum record_status status)
{
	return status_names[status];
}

static void state_done(struct record_state *state)
{
	free(state->error);
	free(state->started_at);
	free(state->finished_at);
	free(state->boot_id);
	network_attachment_done(&state->network);
	*state = (struct record_state){ 0 };
}

void record_unload(struct record *record)
{
	free(TAKE_PTR(record->name));
	free(TAKE_PTR(record->created));
	free(TAKE_PTR(record->image_id));
	container_config_done(&record->config);
	record->config = (struct container_config){ 0 };
	state_done(&record->state);
}

void record_done(struct record *record)
{
	record_unload(record);
	free(TAKE_PTR(record->id));
	free(TAKE_PTR(record->path));
	record->dir_fd = close_fd(record->dir_fd);
	record->lock_fd = close_fd(record->lock_fd);
}

bool record_is_up(const struct record *record)
{
	return record->state.status == RECORD_RUNNING || record->state.status == RECORD_PAUSED ||
	       record->state.status == RECORD_RESTARTING;
}

int record_set_error(struct record *record, const char *text, struct error *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return error_oom(err);
	free(record->state.error);
	record->state.error = copy;
	return 0;
}

int record_flock(int fd, int operation)
{
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int record_name_paths(const struct service *service, const char *id, struct record *record,
		      struct error *err)
{
	record->id = strdup(id);
	if (!record->id ||
	    asprintf(&record->path, "%s/" RECORD_CONTAINERS "/%s", service->root, id) < 0) {
		record->path = NULL;
		return error_oom(err);
	}
	return 0;
}

static int read_json(int dir_fd, const char *name, json_t **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read_regular(dir_fd, name, FILE_MAX, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "%s", name);
	r = json_tree_parse(text, len, ret, err);
	return r < 0 ? error_wrap(err, r, "%s", name) : 0;
}

/* As file_replace, but also through a power cut. */
static int replace_durably(int dir_fd, const char *name, const char *text)
{
	_cleanup_close_ int fd = -1;
	char temporary[64];
	int r;

	(void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0 && (fdatasync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, name) < 0 ||
		       fsync(dir_fd) < 0))
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return r;
}

static int write_json(int dir_fd, const char *name, json_t *json, bool durable, struct error *err)
{
	_cleanup_free_ char *text = json ? json_tree_text(json) : NULL;
	int r;

	json_decref(json);
	if (!text)
		return error_oom(err);
	r = durable ? replace_durably(dir_fd, name, text)
		    : file_replace(dir_fd, name, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write %s", name) : 0;
}

/* Takes key out of object. */
static char *take_string(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	char *copy = text ? strdup(text) : NULL;

	(void)json_object_del(object, key);
	return copy;
}

static int load_config(struct record *record, struct error *err)
{
	json_t *json = NULL;
	int r = read_json(record->dir_fd, CONFIG_FILE, &json, err);

	if (r < 0)
		return r;
	free(take_string(json, "Id"));
	record->name = take_string(json, "Name");
	record->created = take_string(json, "Created");
	record->image_id = take_string(json, "Image");
	if (!record->name || !record->created || !record->image_id)
		r = error_set(err, EPROTO, CONFIG_FILE ": Name, Created or Image is missing");
	else
		r = container_config_from_json(json, &record->config, err);
	json_decref(json);
	return r;
}

int record_write_config(struct record *record, bool durable, struct error *err)
{
	json_t *json = container_config_json(&record->config);

	if (!json)
		return error_oom(err);
	(void)json_object_set_new(json, "Id", json_string(record->id));
	(void)json_object_set_new(json, "Name", json_string(record->name));
	(void)json_object_set_new(json, "Created", json_string(record->created));
	(void)json_object_set_new(json, "Image", json_string(record->image_id));
	return write_json(record->dir_fd, CONFIG_FILE, json, durable, err);
}

int record_store_config(const struct service *service, struct record *record, struct error *err)
{
	int r = record_write_config(record, !record->config.auto_remove, err);

	(void)service;
	return r < 0 ? error_wrap(err, r, "container " RECORD_SHORT, record->id) : 0;
}

static json_t *state_json(const struct record_state *state)
{
	return json_pack("{s:s, s:i, s:i, s:I, s:i, s:b, s:b, s:s*, s:s*, s:s*, s:i, s:s*, s:o*}",
			 "Status", status_names[state->status], "Pid", (int)state->pid,
			 "Supervisor", (int)state->supervisor, "SupervisorStart",
			 (json_int_t)state->supervisor_start, "ExitCode", state->exit_code,
			 "OOMKilled", state->oom_killed, "StoppedByUser", state->stopped_by_user,
			 "Error", state->error, "StartedAt", state->started_at, "FinishedAt",
			 state->finished_at, "RestartCount", (int)state->restart_count, "BootId",
			 state->boot_id, "Network", network_attachment_json(&state->network));
}

int record_store_state(struct record *record, struct error *err)
{
	json_t *json = state_json(&record->state);
	int r;

	/* An error that is not UTF-8 (a program's name may be anything) is left out. */
	if (!json) {
		free(TAKE_PTR(record->state.error));
		json = state_json(&record->state);
	}
	/* A container that is removed at its end has nothing that must outlive a power cut. */
	r = write_json(record->dir_fd, STATE_FILE, json, !record->config.auto_remove, err);
	return r < 0 ? error_wrap(err, r, "container " RECORD_SHORT, record->id) : 0;
}

static int parse_state(const json_t *json, struct record_state *state)
{
	const char *status = NULL, *error = NULL, *started = NULL, *finished = NULL, *boot = NULL;
	int pid, supervisor, restarts, oom, stopped;
	json_int_t start;

	if (json_unpack((json_t *)(uintptr_t)json,
			"{s:s, s:i, s:i, s:I, s:i, s:b, s:b, s?s, s?s, s?s, s:i, s?s}", "Status",
			&status, "Pid", &pid, "Supervisor", &supervisor, "SupervisorStart", &start,
			"ExitCode", &state->exit_code, "OOMKilled", &oom, "StoppedByUser", &stopped,
			"Error", &error, "StartedAt", &started, "FinishedAt", &finished,
			"RestartCount", &restarts, "BootId", &boot) < 0)
		return -EPROTO;
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++)
		if (strcmp(status_names[i], status) == 0)
			state->status = (enum record_status)i;
	state->pid = pid;
	state->supervisor = supervisor;
	state->supervisor_start = (uint64_t)start;
	state->restart_count = (unsigned)restarts;
	state->oom_killed = oom;
	state->stopped_by_user = stopped;
	if ((error && !(state->error = strdup(error))) ||
	    (started && !(state->started_at = strdup(started))) ||
	    (finished && !(state->finished_at = strdup(finished))) ||
	    (boot && !(state->boot_id = strdup(boot))))
		return -ENOMEM;
	return network_attachment_parse(json_object_get(json, "Network"), &state->network);
}

/* There is none before the first start. */
static int load_state(struct record *record, struct error *err)
{
	json_t *json = NULL;
	int r;

	if (faccessat(record->dir_fd, STATE_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = read_json(record->dir_fd, STATE_FILE, &json, err);
	if (r < 0)
		return r;
	r = parse_state(json, &record->state);
	json_decref(json);
	return r < 0 ? error_sys(err, -r, STATE_FILE) : 0;
}

int record_load(struct record *record, struct error *err)
{
	int r;

	record_unload(record);
	r = load_config(record, err);
	if (r == 0)
		r = load_state(record, err);
	return r < 0 ? error_wrap(err, r, "container " RECORD_SHORT, record->id) : 0;
}
