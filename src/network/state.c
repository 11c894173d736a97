/* SPDX-License-Identifier: Apache-2.0 */
#include "network/state.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "base/pid.h"

#define STATE_MAX ((size_t)4 * 1024 * 1024)
/* A plugin that outlived its runtime is done by then; one that left a daemon behind, which has
 * inherited the lock, must not block for ever. */
#define LOCK_PATIENCE_MS (60 * 1000)

/* flock(2) with a deadline: the lock belongs to the open file, which a child shares, so that the child
 * can do the waiting. 0, -ETIMEDOUT, -errno. */
static int lock(int fd, int patience_ms)
{
	_cleanup_close_ int pidfd = -1;
	pid_t child;
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(flock(fd, LOCK_EX) == 0 ? 0 : 1);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	r = pidfd < 0 ? -errno : pidfd_wait_end(pidfd, patience_ms);
	if (r != 1)
		(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	/* It may have got the lock in its last moment: that is ours then. */
	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -ETIMEDOUT;
}

static int make_directory(int at, const char *name, const char *path, struct error *err)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", path);
	return 0;
}

int state_open(const struct network_paths *paths, bool want_lock, int *ret_fd, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&path, "%s/cni", paths->run_root) < 0) {
		path = NULL;
		return error_oom(err);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		r = make_directory(AT_FDCWD, path, path, err);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	if (want_lock) {
		r = lock(fd, LOCK_PATIENCE_MS);
		if (r < 0)
			return error_sys(err, -r, "lock %s", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int state_open_container(int cni_fd, const char *id, bool make, int *ret_fd, struct error *err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat st;
		int r = make ? make_directory(cni_fd, id, id, err) : 0;

		if (r < 0)
			return r;
		fd = openat(cni_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && make)
			continue;
		if (fd < 0)
			return errno == ENOENT ? -ENOENT : error_sys(err, errno, "open cni/%s", id);
		r = lock(fd, LOCK_PATIENCE_MS);
		if (r < 0 && r != -ETIMEDOUT)
			return error_sys(err, -r, "lock cni/%s", id);
		if (fstat(fd, &st) < 0)
			return error_sys(err, errno, "stat cni/%s", id);
		/* Removed by the one we waited for: there may be a new one. */
		if (st.st_nlink == 0)
			continue;
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
}

char *state_entry(unsigned n, char buf[STATE_ENTRY_MAX])
{
	(void)snprintf(buf, STATE_ENTRY_MAX, "%u.json", n);
	return buf;
}

int state_remove_container(int cni_fd, int container_fd, const char *id, struct error *err)
{
	for (unsigned n = 0; n < NETWORK_ENDPOINTS_MAX; n++) {
		char name[STATE_ENTRY_MAX], temporary[STATE_ENTRY_MAX + 8];

		(void)snprintf(temporary, sizeof(temporary), ".%s.new", state_entry(n, name));
		(void)unlinkat(container_fd, temporary, 0);
		if (unlinkat(container_fd, name, 0) < 0 && errno != ENOENT)
			return error_sys(err, errno, "remove cni/%s/%s", id, name);
	}
	if (unlinkat(cni_fd, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove cni/%s", id);
	return 0;
}

int state_store(int fd, const char *name, const json_t *json, struct error *err)
{
	_cleanup_free_ char *text = json_tree_text(json);
	int r;

	if (!text)
		return error_oom(err);
	r = file_replace(fd, name, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write cni/…/%s", name) : 0;
}

int state_load(int fd, const char *name, json_t **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;
	size_t len;
	int r = file_read_regular(fd, name, STATE_MAX, &text, &len);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return error_sys(err, -r, "read cni/…/%s", name);
	r = json_tree_parse(text, len, &json, err);
	if (r < 0)
		return error_wrap(err, r, "cni/…/%s", name);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(err, EINVAL, "cni/…/%s: no object", name);
	}
	*ret = json;
	return 0;
}
