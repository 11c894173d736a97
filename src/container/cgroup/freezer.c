/* SPDX-License-Identifier: Apache-2.0 */
/* Pausing: freezer.state of v1, cgroup.freeze of v2. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "container/cgroup/private.h"

/* A process in an uninterruptible sleep delays it; one that hangs there must not hold us for ever.
 */
#define FREEZE_TIMEOUT_MS 10000
/* Now and then a fork slips past v1's freezer, which then stays FREEZING until it starts over. */
#define V1_RESTART_MS 50

static bool is_v1(const struct hierarchy *h)
{
	return !h->v2;
}

static struct hierarchy *freezer(const struct cgroup *cg)
{
	struct hierarchy *h = cgroup_find(cg, CONTROLLER_FREEZER);

	return h ? h : cgroup_find_v2(cg);
}

/* v1 tells nobody when it is done, so it has to be asked: at first at once, then ever more rarely.
 */
static int wait_v1(int dir_fd)
{
	int64_t start = clock_ms(), restarted = start;
	struct timespec pause = { .tv_nsec = 20 * 1000 };
	char state[32];

	for (;;) {
		ssize_t len = read_text(dir_fd, "freezer.state", state, sizeof(state));
		int64_t now = clock_ms();
		int r = 0;

		if (len < 0)
			return (int)len;
		if (strcmp(state, "FROZEN") == 0)
			return 0;
		if (now - start > FREEZE_TIMEOUT_MS)
			return -ETIMEDOUT;
		if (now - restarted > V1_RESTART_MS) {
			restarted = now;
			(void)file_write(dir_fd, "freezer.state", "THAWED", 6);
			r = file_write(dir_fd, "freezer.state", "FROZEN", 6);
		}
		if (r < 0)
			return r;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 2000 * 1000)
			pause.tv_nsec *= 2;
	}
}

/* Waits until "frozen" in cgroup.events is what is wanted. */
static int wait_v2(int dir_fd, bool frozen)
{
	_cleanup_close_ int fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t end = clock_ms() + FREEZE_TIMEOUT_MS;
	char buf[256];

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLPRI };
		ssize_t len = pread(fd, buf, sizeof(buf) - 1, 0);
		int64_t left = end - clock_ms();

		if (len < 0)
			return -errno;
		buf[len] = 0;
		if (strstr(buf, frozen ? "frozen 1" : "frozen 0"))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

static int write_state(const struct hierarchy *h, int dir_fd, bool frozen)
{
	if (is_v1(h))
		return file_write(dir_fd, "freezer.state", frozen ? "FROZEN" : "THAWED", 6);
	return file_write(dir_fd, "cgroup.freeze", frozen ? "1" : "0", 1);
}

static int set_frozen(struct cgroup *cg, bool frozen, struct error *err)
{
	struct hierarchy *h = cg->manager == CGROUP_DISABLED ? NULL : freezer(cg);
	const char *what = frozen ? "freeze" : "thaw";
	int fd, r;

	if (!h)
		return error_set(err, EOPNOTSUPP,
				 "cannot %s the container: it has no cgroup with a freezer", what);
	fd = hierarchy_dir(h);
	if (fd < 0)
		return error_sys(err, -fd, "cannot %s cgroup %s", what, h->dir);
	r = write_state(h, fd, frozen);
	if (r == 0 && (frozen || h->v2))
		r = is_v1(h) ? wait_v1(fd) : wait_v2(fd, frozen);
	if (r == 0)
		return 0;
	if (frozen)
		(void)write_state(h, fd, false);
	if (r == -ETIMEDOUT)
		return error_set(
			err, ETIMEDOUT,
			"cannot %s cgroup %s: a process in it did not stop within %d s (it is in "
			"an uninterruptible sleep)",
			what, h->dir, FREEZE_TIMEOUT_MS / 1000);
	return error_sys(err, -r, "cannot %s cgroup %s", what, h->dir);
}

int cgroup_freeze(struct cgroup *cg, struct error *err)
{
	return set_frozen(cg, true, err);
}

int cgroup_thaw(struct cgroup *cg, struct error *err)
{
	return set_frozen(cg, false, err);
}

int cgroup_frozen_at(const char *freezer_dir)
{
	_cleanup_close_ int dir_fd = -1;
	char state[32];
	ssize_t len;

	if (!freezer_dir)
		return 0;
	dir_fd = open(freezer_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return 0;
	len = read_text(dir_fd, "freezer.state", state, sizeof(state));
	if (len >= 0)
		return strcmp(state, "THAWED") != 0;
	len = read_text(dir_fd, "cgroup.freeze", state, sizeof(state));
	return len > 0 && state[0] == '1';
}

int cgroup_frozen(struct cgroup *cg)
{
	return cgroup_frozen_at(cg->freezer_dir);
}
