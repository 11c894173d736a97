/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/pid.h"
#include "compute/isolation.h"
#include "compute/status.h"
#include "compute/store.h"

#define OOMS_AT_ONCE_MAX 1024

static int emit_stats(const struct isolation_ops *ops, const struct stored *s,
		      compute_event_fn event, void *data, struct error *err)
{
	struct compute_vm_stats vm = { 0 };
	struct cgroup_stats stats = { 0 };
	int r = ops->stats(s, &stats, err);

	if (r == 0 && ops->vm_stats)
		r = ops->vm_stats(s, &vm, err);
	if (r == 0)
		r = event("stats", &stats, &vm, data, err);
	cgroup_stats_done(&stats);
	return r;
}

/* An event for each kill since the last look; the descriptor wakes for other reasons too (v2: limits
 * touched; v1: the cgroup removed). 1: the receiver has enough, or the cgroup has gone. */
static int emit_ooms(const struct isolation_ops *ops, const struct stored *s, uint64_t *seen,
		     bool happened, compute_event_fn event, void *data, struct error *err)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	uint64_t count;

	if (ops->oom_count(s, &count, &ignored) < 0)
		return 1;
	if (happened && count == *seen)
		count++;
	/* A guest may say any number: more than that at once is not told one by one. */
	if (count > *seen && count - *seen > OOMS_AT_ONCE_MAX)
		*seen = count - OOMS_AT_ONCE_MAX;
	while (*seen < count) {
		int r = event("oom", NULL, NULL, data, err);

		if (r != 0)
			return r < 0 ? r : 1;
		(*seen)++;
	}
	return 0;
}

/* Until the process ends or an event's receiver has enough. oom -1: no memory cgroup to watch. */
static int follow(const struct isolation_ops *ops, const struct stored *s, int pidfd, int oom,
		  int interval_ms, compute_event_fn event, void *data, struct error *err)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int64_t due = clock_ms();
	uint64_t seen = 0;

	if (oom >= 0)
		(void)ops->oom_count(s, &seen, &ignored);

	for (;;) {
		struct pollfd p[] = { { .fd = pidfd, .events = POLLIN },
				      { .fd = oom, .events = POLLIN } };
		int64_t left = due - clock_ms();
		bool gone = false;
		int r;

		if (left <= 0) {
			r = emit_stats(ops, s, event, data, err);
			if (r != 0)
				return r < 0 ? r : 0;
			due = clock_ms() + interval_ms;
			continue;
		}
		r = poll(p, ARRAY_SIZE(p), (int)left);
		if (r < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		if (r <= 0)
			continue;
		r = p[1].revents ? ops->oom_drain(oom, &gone) : 0;
		if (r > 0 && !gone) {
			r = emit_ooms(ops, s, &seen, r > 1, event, data, err);
			if (r != 0)
				return r < 0 ? r : 0;
		}
		if (p[0].revents || gone)
			return 0;
	}
}

int compute_events(const struct compute_host *host, const char *id, int interval_ms,
		   compute_event_fn event, void *data, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	_cleanup_close_ int pidfd = -1, oom = -1;
	const struct isolation_ops *ops;
	int r = store_open(host, id, STORE_READ, &s, err);

	if (r < 0)
		return r;
	ops = isolation_get(s.isolation);
	pidfd = pid_open(s.container.pid, s.container.pid_start);
	if (pidfd < 0)
		return error_set(err, ESRCH, "container \"%s\": container not running", id);
	oom = ops->oom_fd(&s, err);
	if (oom == -EOPNOTSUPP)
		error_done(err); /* no memory cgroup: statistics there are all the same */
	else if (oom < 0)
		return oom;
	return follow(ops, &s, pidfd, oom, interval_ms, event, data, err);
}

int compute_oom_count(const struct compute_host *host, const char *id, uint64_t *ret,
		      struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	int r = store_open(host, id, STORE_READ, &s, err);

	*ret = 0;
	if (r == 0)
		r = isolation_get(s.isolation)->oom_count(&s, ret, err);
	if (r != -EOPNOTSUPP)
		return r;
	error_done(err);
	return 0;
}

int compute_oom_watch(const struct compute_host *host, const char *id, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	int r = store_open(host, id, STORE_READ, &s, err);

	return r < 0 ? r : isolation_get(s.isolation)->oom_fd(&s, err);
}

int compute_oom_drain(enum compute_isolation isolation, int fd)
{
	bool gone = false;
	int r = isolation_get(isolation)->oom_drain(fd, &gone);

	return r > 0 ? 1 : gone ? -ENOENT : 0;
}
