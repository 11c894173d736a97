/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pid.h"
#include "compute/store.h"
#include "compute/status.h"
#include "oci/parse.h"

#define ID_MAX 1023

static const char *const status_names[] = {
	[STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
	[STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
};

const char *compute_status_name(enum compute_status status)
{
	return status_names[status];
}

char *compute_default_root(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *root = NULL;

	if (geteuid() == 0 || !runtime || *runtime != '/')
		return strdup("/run/runhcs");
	return asprintf(&root, "%s/runhcs", runtime) < 0 ? NULL : root;
}

int compute_check_id(const char *id, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+.-";
	size_t len = strlen(id);

	if (len == 0)
		return error_set(err, EINVAL, "container id: must not be empty");
	if (len > ID_MAX)
		return error_set(err, EINVAL,
				 "container id: %zu characters, at most %d are allowed", len,
				 ID_MAX);
	/* A file name cannot be longer, whatever the characters. */
	if (len > 255)
		return error_set(err, ENAMETOOLONG,
				 "container id: %zu characters, the state directory allows 255",
				 len);
	if (strspn(id, allowed) != len || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return error_set(
			err, EINVAL,
			"container id \"%.64s\": only letters, digits and _+.- are allowed", id);
	return 0;
}

/* Still at the start socket? Once the program runs nobody listens there. */
static bool waits_for_start(int dir_fd)
{
	int sock;

	if (faccessat(dir_fd, CONTAINER_START_SOCKET, F_OK, 0) < 0)
		return false;
	sock = unix_connect(dir_fd, CONTAINER_START_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK);
	if (sock < 0)
		return sock == -EAGAIN;
	(void)close_fd(sock);
	return true;
}

/* The freezer that holds a hyperv container is the guest's: here is a mark of it. */
static bool is_paused(const struct stored *s)
{
	if (s->isolation == ISOLATION_HYPERV)
		return faccessat(s->dir_fd, STORE_PAUSED, F_OK, 0) == 0;
	return cgroup_frozen_at(s->container.cgroup_freezer) > 0;
}

static enum compute_status look(const struct stored *s, bool ask)
{
	const struct container *c = &s->container;

	if (c->pid == 0)
		return STATUS_CREATING;
	if (!pid_is_alive(c->pid, c->pid_start))
		return STATUS_STOPPED;
	if (is_paused(s))
		return STATUS_PAUSED;
	if (ask)
		return waits_for_start(s->dir_fd) ? STATUS_CREATED : STATUS_RUNNING;
	return faccessat(s->dir_fd, CONTAINER_START_SOCKET, F_OK, 0) == 0 ? STATUS_CREATED
									  : STATUS_RUNNING;
}

enum compute_status stored_status(const struct stored *s)
{
	return look(s, true);
}

enum compute_status stored_status_quick(const struct stored *s)
{
	return look(s, false);
}

void compute_state_done(struct compute_state *state)
{
	free(TAKE_PTR(state->id));
	free(TAKE_PTR(state->bundle));
	free(TAKE_PTR(state->rootfs));
	free(TAKE_PTR(state->created));
	free(TAKE_PTR(state->owner));
	free(TAKE_PTR(state->oci_version));
	free(TAKE_PTR(state->monitor));
	free(TAKE_PTR(state->accelerator));
	free(TAKE_PTR(state->kernel));
	free(TAKE_PTR(state->vm_host));
	free(TAKE_PTR(state->reason));
	for (size_t i = 0; i < state->annotations_len; i++) {
		free(state->annotations[i].key);
		free(state->annotations[i].value);
	}
	free(TAKE_PTR(state->annotations));
	state->annotations_len = 0;
}

/* Takes the strings out of s. */
static void to_state(struct stored *s, enum compute_status status, struct compute_state *ret)
{
	*ret = (struct compute_state){ .status = status, .isolation = s->isolation };
	ret->pid = ret->status == STATUS_STOPPED ? 0 : s->container.pid;
	ret->id = TAKE_PTR(s->container.id);
	ret->bundle = TAKE_PTR(s->container.bundle);
	ret->rootfs = TAKE_PTR(s->container.rootfs);
	ret->created = TAKE_PTR(s->created);
	ret->owner = TAKE_PTR(s->owner);
	ret->oci_version = TAKE_PTR(s->oci_version);
	ret->monitor = TAKE_PTR(s->vm.monitor);
	ret->accelerator = TAKE_PTR(s->vm.accelerator);
	ret->kernel = TAKE_PTR(s->vm.kernel);
	ret->vm_host = TAKE_PTR(s->vm.host);
	if (s->isolation == ISOLATION_HYPERV && status == STATUS_STOPPED)
		ret->reason = store_reason(s);
}

static int copy_annotations(const struct oci_spec *spec, struct compute_state *state)
{
	if (spec->annotations.len == 0)
		return 0;
	state->annotations = calloc(spec->annotations.len, sizeof(*state->annotations));
	if (!state->annotations)
		return -ENOMEM;
	for (size_t i = 0; i < spec->annotations.len; i++) {
		struct key_value *kv = &state->annotations[state->annotations_len++];

		kv->key = strdup(spec->annotations.items[i].key);
		kv->value = strdup(spec->annotations.items[i].value);
		if (!kv->key || !kv->value)
			return -ENOMEM;
	}
	return 0;
}

int compute_state(const struct compute_host *host, const char *id, struct compute_state *ret,
		  struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	struct compute_state state;
	int r;

	r = store_open(host, id, STORE_READ, &s, err);
	if (r < 0)
		return r;
	r = store_load_config(s.dir_fd, &spec, err);
	if (r < 0)
		return error_wrap(err, r, "container \"%s\"", id);
	to_state(&s, stored_status(&s), &state);
	if (copy_annotations(&spec, &state) < 0) {
		compute_state_done(&state);
		return error_oom(err);
	}
	*ret = state;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct compute_state *)a)->id, ((const struct compute_state *)b)->id);
}

struct states {
	struct compute_state *items;
	size_t len, room;
};

static void states_done(struct states *states)
{
	for (size_t i = 0; i < states->len; i++)
		compute_state_done(&states->items[i]);
	free(states->items);
}

static int add_entry(struct states *states, int root_fd, const char *id)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };

	/* Gone since, not ours, or half made: others' errors are not the list's. */
	if (store_read(root_fd, id, &s) < 0)
		return 0;
	if (states->len == states->room) {
		size_t room = states->room ? states->room * 2 : 64;
		struct compute_state *items = realloc(states->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		states->items = items;
		states->room = room;
	}
	to_state(&s, stored_status_quick(&s), &states->items[states->len++]);
	return 0;
}

int compute_list(const struct compute_host *host, struct compute_state **ret, size_t *ret_len,
		 struct error *err)
{
	_cleanup_(states_done) struct states states = { 0 };
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	*ret = NULL;
	*ret_len = 0;
	fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0
				       : error_sys(err, errno, "state directory %s", host->root);
	dir = fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return error_sys(err, errno, "state directory %s", host->root);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' && (!entry->d_name[1] || !strcmp(entry->d_name, "..")))
			continue;
		if (strchr(entry->d_name, ':') || entry->d_type == DT_REG)
			continue;
		if (add_entry(&states, dirfd(dir), entry->d_name) < 0)
			return error_oom(err);
	}
	if (states.len > 0)
		qsort(states.items, states.len, sizeof(*states.items), by_id);
	*ret = TAKE_PTR(states.items);
	*ret_len = states.len;
	states.len = 0;
	return 0;
}

char *compute_state_json(const struct compute_state *state)
{
	json_t *o = json_object(), *annotations;
	char *text;

	(void)json_object_set_new(o, "ociVersion", json_string(state->oci_version));
	(void)json_object_set_new(o, "id", json_string(state->id));
	(void)json_object_set_new(o, "pid", json_integer(state->pid));
	(void)json_object_set_new(o, "status", json_string(compute_status_name(state->status)));
	(void)json_object_set_new(o, "bundle", json_string(state->bundle));
	(void)json_object_set_new(o, "rootfs", json_string(state->rootfs));
	(void)json_object_set_new(o, "created", json_string(state->created));
	if (state->annotations_len > 0) {
		annotations = json_object();
		for (size_t i = 0; i < state->annotations_len; i++)
			(void)json_object_set_new(annotations, state->annotations[i].key,
						  json_string(state->annotations[i].value));
		(void)json_object_set_new(o, "annotations", annotations);
	}
	(void)json_object_set_new(o, "owner", json_string(state->owner));
	(void)json_object_set_new(o, "isolation",
				  json_string(compute_isolation_name(state->isolation)));
	if (state->monitor)
		(void)json_object_set_new(o, "vm",
					  json_pack("{s:s*, s:s*, s:s*, s:s*}", "monitor",
						    state->monitor, "accelerator",
						    state->accelerator, "kernel", state->kernel,
						    "host", state->vm_host));
	if (state->reason)
		(void)json_object_set_new(o, "reason", json_string(state->reason));
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}
