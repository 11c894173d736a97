/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/pid.h"
#include "compute/lock.h"
#include "compute/roots.h"
#include "oci/parse.h"

#define STATE_FILE "state.json"
#define CONFIG_FILE "config.json"
#define STATE_MAX ((size_t)64 * 1024)
#define STATE_VERSION 1
#define LOCK_PATIENCE_MS 2000
/* No id can have a colon. */
#define SECCOMP_DIR ":seccomp"

static const char *const managers[] = {
	[CGROUP_CGROUPFS] = "cgroupfs",
	[CGROUP_SYSTEMD] = "systemd",
	[CGROUP_DISABLED] = "disabled",
};

void stored_done(struct stored *stored)
{
	stored->dir_fd = close_fd(stored->dir_fd);
	container_done(&stored->container);
	free(TAKE_PTR(stored->created));
	free(TAKE_PTR(stored->owner));
	free(TAKE_PTR(stored->oci_version));
	stored_vm_done(&stored->vm);
}

static int make_dirs(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, c ? 0711 : 0700) < 0 && errno != EEXIST)
			return -errno;
		if (!c)
			return 0;
		*p = c;
	}
}

int store_open_root(const struct compute_host *host, bool make, struct error *err)
{
	int fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make) {
		int r = make_dirs(host->root);

		if (r < 0)
			return error_sys(err, -r, "make the state directory %s", host->root);
		fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_sys(err, errno, "state directory %s", host->root);
	if (make)
		compute_roots_note(host->root);
	return fd;
}

/* Locks dir_fd and makes sure that it is still what the name leads to: a delete may have been
 * faster. */
static int lock_dir(int root_fd, const char *id, int dir_fd)
{
	struct stat opened, named;

	while (flock(dir_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	if (fstat(dir_fd, &opened) < 0)
		return -errno;
	if (fstatat(root_fd, id, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev ? 0 : -ESTALE;
}

int store_make(const struct compute_host *host, const char *id, int *ret_dir_fd, struct error *err)
{
	_cleanup_close_ int root_fd = -1;

	root_fd = store_open_root(host, true, err);
	if (root_fd < 0)
		return root_fd;
	for (;;) {
		_cleanup_close_ int fd = -1;
		int r;

		if (mkdirat(root_fd, id, 0700) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make %s/%s", host->root, id);
		fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return error_sys(err, errno, "open %s/%s", host->root, id);
		r = lock_dir(root_fd, id, fd);
		if (r == -ESTALE)
			continue;
		if (r < 0)
			return error_sys(err, -r, "lock %s/%s", host->root, id);
		if (faccessat(fd, STATE_FILE, F_OK, 0) == 0)
			return error_set(err, EEXIST, "container \"%s\" already exists", id);
		*ret_dir_fd = TAKE_FD(fd);
		return 0;
	}
}

static char *dup_member(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strdup(text) : NULL;
}

/* Only a hyperv container has a VM, and none while it is being made. */
static int vm_from_json(const json_t *vm, struct stored *s)
{
	if (!vm)
		return 0;
	return s->isolation == ISOLATION_HYPERV ? stored_vm_parse(vm, &s->vm) : -EPROTO;
}

static int from_json(const json_t *o, const char *id, struct stored *s)
{
	const char *manager = json_string_value(json_object_get(o, "cgroupManager"));
	const char *isolation = json_string_value(json_object_get(o, "isolation"));
	struct container *c = &s->container;
	bool known = false;

	if (json_integer_value(json_object_get(o, "version")) != STATE_VERSION)
		return -EPROTO;
	c->id = strdup(id);
	c->bundle = dup_member(o, "bundle");
	c->rootfs = dup_member(o, "rootfs");
	c->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	c->pid_start = (uint64_t)json_integer_value(json_object_get(o, "pidStart"));
	c->cgroup_path = dup_member(o, "cgroupPath");
	c->cgroup_scope = dup_member(o, "cgroupScope");
	c->cgroup_freezer = dup_member(o, "cgroupFreezer");
	c->rdt_made = json_is_true(json_object_get(o, "rdtMade"));
	for (size_t i = 0; manager && i < ARRAY_SIZE(managers); i++)
		if (strcmp(manager, managers[i]) == 0) {
			c->cgroup_manager = (enum cgroup_manager)i;
			known = true;
		}
	s->created = dup_member(o, "created");
	s->owner = dup_member(o, "owner");
	s->oci_version = dup_member(o, "ociVersion");
	if (!known || !isolation || compute_isolation_parse(isolation, &s->isolation) < 0)
		return -EPROTO;
	if (!c->id || !c->bundle || !c->rootfs || !s->created || !s->owner || !s->oci_version)
		return -EPROTO;
	return vm_from_json(json_object_get(o, "vm"), s);
}

/* What dir_fd stores, into s (dir_fd apart). */
static int read_state(int dir_fd, const char *id, struct stored *s)
{
	_cleanup_free_ char *text = NULL;
	json_t *o;
	size_t len;
	int r;

	r = file_read(dir_fd, STATE_FILE, STATE_MAX, &text, &len);
	if (r < 0)
		return r;
	o = json_loadb(text, len, 0, NULL);
	if (!o)
		return -EPROTO;
	r = from_json(o, id, s);
	json_decref(o);
	return r;
}

int store_read(int root_fd, const char *id, struct stored *ret)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	int r;

	s.dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s.dir_fd < 0)
		return -errno;
	r = read_state(s.dir_fd, id, &s);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct stored){ .dir_fd = -1 };
	return 0;
}

int store_open(const struct compute_host *host, const char *id, enum store_lock lock,
	       struct stored *ret, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_close_ int root_fd = -1;
	int r;

	r = compute_check_id(id, err);
	if (r < 0)
		return r;
	root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 && errno != ENOENT)
		return error_sys(err, errno, "state directory %s", host->root);
	if (root_fd >= 0)
		s.dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = s.dir_fd < 0 ? -errno : 0;
	if (r == 0 && lock == STORE_LOCK)
		r = lock_dir(root_fd, id, s.dir_fd);
	if (r == 0)
		r = read_state(s.dir_fd, id, &s);
	if (r == -ENOENT || r == -ESTALE)
		return error_set(err, ENOENT, "container \"%s\" does not exist", id);
	if (r == -EPROTO)
		return error_set(err, EPROTO, "container \"%s\": %s/%s/" STATE_FILE " is damaged",
				 id, host->root, id);
	if (r < 0)
		return error_sys(err, -r, "container \"%s\"", id);
	*ret = s;
	s = (struct stored){ .dir_fd = -1 };
	return 0;
}

void store_unlock(const struct stored *s)
{
	(void)flock(s->dir_fd, LOCK_UN);
}

void store_relock(const struct stored *s)
{
	while (flock(s->dir_fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

bool store_is_gone(const struct stored *s)
{
	return faccessat(s->dir_fd, STATE_FILE, F_OK, 0) < 0 && errno == ENOENT;
}

void store_break(const struct compute_host *host, const char *id)
{
	_cleanup_close_ int root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_close_ int pidfd = -1;

	if (root_fd < 0 || strchr(id, '/') || store_read(root_fd, id, &s) < 0)
		return;
	pidfd = pid_open(s.container.pid, s.container.pid_start);
	if (pidfd >= 0)
		(void)pidfd_kill(pidfd, SIGKILL);
	/* A command in the middle of something that may take for ever: a hook without a timeout. */
	lock_break(s.dir_fd, LOCK_PATIENCE_MS);
}

int store_make_anew(const struct compute_host *host, const char *id, int *ret_dir_fd,
		    struct error *err)
{
	_cleanup_close_ int root_fd = store_open_root(host, false, err);
	_cleanup_close_ int fd = -1;
	int r;

	if (root_fd < 0)
		return root_fd;
	fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : lock_dir(root_fd, id, fd);
	if (r < 0)
		return error_sys(err, -r, "container \"%s\"", id);
	*ret_dir_fd = TAKE_FD(fd);
	return 0;
}

int store_sweep(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_close_ int root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int dir_fd = -1;

	if (root_fd < 0)
		return 0;
	dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd < 0 || lock_dir(root_fd, id, dir_fd) < 0)
		return 0;
	/* Between our look and the lock another create may have begun. */
	if (faccessat(dir_fd, STATE_FILE, F_OK, 0) == 0)
		return error_set(err, EBUSY, "container \"%s\" is being created", id);
	return store_remove(host, id, dir_fd, err);
}

/* Counts what cannot be written: JSON is UTF-8, paths need not be. */
static void set_string(json_t *o, const char *key, const char *value, const char **bad)
{
	if (value && json_object_set_new(o, key, json_string(value)) < 0 && !*bad)
		*bad = key;
}

int store_save(const struct stored *s, struct error *err)
{
	const struct container *c = &s->container;
	_cleanup_free_ char *text = NULL;
	json_t *o = json_object();
	const char *bad = NULL;
	int r;

	(void)json_object_set_new(o, "version", json_integer(STATE_VERSION));
	set_string(o, "ociVersion", s->oci_version, &bad);
	set_string(o, "bundle", c->bundle, &bad);
	set_string(o, "rootfs", c->rootfs, &bad);
	(void)json_object_set_new(o, "pid", json_integer(c->pid));
	(void)json_object_set_new(o, "pidStart", json_integer((json_int_t)c->pid_start));
	set_string(o, "created", s->created, &bad);
	set_string(o, "owner", s->owner, &bad);
	set_string(o, "isolation", compute_isolation_name(s->isolation), &bad);
	set_string(o, "cgroupManager", managers[c->cgroup_manager], &bad);
	set_string(o, "cgroupPath", c->cgroup_path, &bad);
	set_string(o, "cgroupScope", c->cgroup_scope, &bad);
	set_string(o, "cgroupFreezer", c->cgroup_freezer, &bad);
	if (s->vm.monitor && json_object_set_new(o, "vm", stored_vm_json(&s->vm)) < 0 && !bad)
		bad = "vm";
	if (c->rdt_made)
		(void)json_object_set_new(o, "rdtMade", json_true());
	if (bad) {
		json_decref(o);
		return error_set(err, EINVAL,
				 "container \"%s\": its %s is not UTF-8 and cannot be recorded",
				 c->id, bad);
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!text)
		return error_oom(err);
	r = file_replace(s->dir_fd, STATE_FILE, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write the state of container \"%s\"", c->id) : 0;
}

int store_remove(const struct compute_host *host, const char *id, int dir_fd, struct error *err)
{
	static const char *const files[] = {
		CONTAINER_START_SOCKET, "." STATE_FILE ".new", STORE_VM_SOCKET, STORE_PAUSED,
		STORE_REASON,           CONFIG_FILE,           STATE_FILE
	};
	_cleanup_close_ int root_fd = store_open_root(host, false, err);

	if (root_fd < 0)
		return root_fd;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(dir_fd, files[i], 0) < 0 && errno != ENOENT)
			return error_sys(err, errno, "remove %s/%s/%s", host->root, id, files[i]);
	if (unlinkat(root_fd, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove %s/%s", host->root, id);
	return 0;
}

int store_mark_paused(const struct stored *s, bool paused, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (!paused) {
		if (unlinkat(s->dir_fd, STORE_PAUSED, 0) == 0 || errno == ENOENT)
			return 0;
	} else {
		fd = openat(s->dir_fd, STORE_PAUSED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		if (fd >= 0)
			return 0;
	}
	return error_sys(err, errno, "mark container \"%s\" as %s", s->container.id,
			 paused ? "paused" : "resumed");
}

char *store_reason(const struct stored *s)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	/* Parts of it are a guest's words: lines of its console. */
	if (file_read_regular(s->dir_fd, STORE_REASON, STORE_REASON_MAX, &text, &len) < 0)
		return NULL;
	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
		else if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	text[len] = '\0';
	return len ? TAKE_PTR(text) : NULL;
}

int store_save_config(int dir_fd, const char *text, size_t len, struct error *err)
{
	/* Written in place: without a state.json beside it nobody reads it. */
	_cleanup_close_ int fd = openat(
		dir_fd, CONFIG_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, len);

	return r < 0 ? error_sys(err, -r, "keep config.json in the state directory") : 0;
}

int store_load_config(int dir_fd, struct oci_spec *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read(dir_fd, CONFIG_FILE, OCI_CONFIG_MAX, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "read config.json in the state directory");
	return oci_spec_parse(text, len, ret, err);
}

int store_seccomp_cache(const struct compute_host *host)
{
	_cleanup_close_ int root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return -1;
	if (mkdirat(root_fd, SECCOMP_DIR, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(root_fd, SECCOMP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}
