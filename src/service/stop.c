/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a container, and waiting for its end. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "base/pid.h"
#include "base/signal_name.h"
#include "service/lifecycle.h"
#include "service/reconcile.h"
#include "service/record.h"
#include "service/record_store.h"
#include "service/supervisor.h"

#define STOP_TIMEOUT_DEFAULT 10
/* After SIGKILL: a monitor's memory is given back, a file system may be slow. */
#define KILL_PATIENCE_MS 60000

static int parse_signal(const char *name, int otherwise, int *ret, struct error *err)
{
	*ret = name ? signal_from_name(name) : otherwise;
	return *ret <= 0 ? error_set(err, EINVAL, "Invalid signal: %.64s", name) : 0;
}

/* Until the supervisor has tidied up after the container. 1; 0: the time is over; -errno. timeout_ms -1:
 * none. */
static int await_exit(int sock, int64_t timeout_ms, int *ret_status, struct error *err)
{
	int64_t due = clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		int64_t left = timeout_ms < 0 ? -1 : due - clock_ms();
		struct attach_packet packet;
		int r;

		if (timeout_ms >= 0 && left < 0)
			left = 0;
		r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (r < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		if (r == 0 && timeout_ms >= 0 && clock_ms() >= due)
			return 0;
		if (r <= 0)
			continue;
		r = attach_receive(sock, &packet, 0);
		/* A supervisor that was killed: the next to open the record sees to it. */
		if (r <= 0)
			return 1;
		if (packet.type == ATTACH_EXIT && packet.len == sizeof(int32_t)) {
			int32_t status;

			memcpy(&status, packet.data, sizeof(status));
			if (ret_status)
				*ret_status = status;
			return 1;
		}
	}
}

static int observe(const struct service *service, const struct record *record, struct error *err)
{
	const struct attach_request none = { 0 };
	int sock = supervisor_connect(service, record, &none, err);

	/* It may be about to go: then there is nothing to wait for. */
	if (sock == -ENOENT || sock == -ECONNREFUSED)
		error_done(err);
	return sock;
}

static int send_signal(const struct service *service, const struct record *record, int sig,
		       struct error *err)
{
	int r = compute_signal(&service->host, record->id, sig, false, err);

	/* It has ended by itself meanwhile. */
	if (r == -ESRCH || r == -ENOENT) {
		error_done(err);
		return 0;
	}
	return r;
}

static int resume(const struct service *service, struct record *record, struct error *err)
{
	int r = compute_resume(&service->host, record->id, err);

	if (r < 0)
		return r;
	record->state.status = RECORD_RUNNING;
	return record_store_state(record, err);
}

/* The record is locked, and up; unlocked on return. */
static int stop_locked(const struct service *service, struct record *record, int sig,
		       int64_t timeout_ms, struct error *err)
{
	_cleanup_close_ int sock = -1;
	int r;

	record->state.stopped_by_user = true;
	r = record_store_state(record, err);
	if (r < 0)
		return r;
	sock = observe(service, record, err);
	if (sock < 0)
		return err->code ? sock : 0;
	if (record->state.status == RECORD_RESTARTING) {
		supervisor_wake(record);
		record_unlock(record);
		r = await_exit(sock, KILL_PATIENCE_MS, NULL, err);
		return r < 0 ? r : 0;
	}
	r = send_signal(service, record, sig, err);
	/* SIGKILL takes effect without. */
	if (r == 0 && record->state.status == RECORD_PAUSED && sig != SIGKILL)
		r = resume(service, record, err);
	record_unlock(record);
	if (r == 0)
		r = await_exit(sock, timeout_ms, NULL, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = send_signal(service, record, SIGKILL, err);
	if (r == 0)
		r = await_exit(sock, KILL_PATIENCE_MS, NULL, err);
	if (r == 0)
		return error_set(err, ETIMEDOUT,
				 "container " RECORD_SHORT " does not end although it was killed",
				 record->id);
	return r < 0 ? r : 0;
}

int service_stop(const struct service *service, const char *name, const char *signal,
		 int64_t timeout, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	int r = record_open(service, name, RECORD_LOCK, &record, err), sig;

	if (r < 0 || !record_is_up(&record))
		return r;
	r = parse_signal(signal ? signal : record.config.stop_signal, SIGTERM, &sig, err);
	if (r < 0)
		return r;
	if (timeout == INT64_MIN)
		timeout = record.config.stop_timeout.set ? record.config.stop_timeout.value
							 : STOP_TIMEOUT_DEFAULT;
	return stop_locked(service, &record, sig,
			   timeout < 0 || timeout > INT64_MAX / 1000 ? -1 : timeout * 1000, err);
}

int service_restart(const struct service *service, const char *name, const char *signal,
		    int64_t timeout, struct error *err)
{
	int r = service_stop(service, name, signal, timeout, err);

	return r < 0 ? r : service_start(service, name, NULL, NULL, NULL, err);
}

static int not_running(const char *name, const struct record *record, struct error *err)
{
	return error_set(err, ESRCH, "Cannot kill container: %s: Container %s is not running", name,
			 record->id);
}

int service_kill(const struct service *service, const char *name, const char *signal,
		 struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_close_ int sock = -1;
	int r = record_open(service, name, RECORD_LOCK, &record, err), sig = 0, stop_sig = 0;

	if (r < 0)
		return r;
	if (!record_is_up(&record) || record.state.status == RECORD_RESTARTING)
		return not_running(name, &record, err);
	r = parse_signal(signal, SIGKILL, &sig, err);
	if (r == 0)
		r = parse_signal(record.config.stop_signal, SIGTERM, &stop_sig, err);
	if (r < 0)
		return r;
	/* As docker: what ends it for certain, or by its own signal, is meant to. */
	if (sig == SIGKILL || sig == stop_sig) {
		record.state.stopped_by_user = true;
		r = record_store_state(&record, err);
	}
	if (r == 0 && sig == SIGKILL) {
		sock = observe(service, &record, err);
		r = sock < 0 && err->code ? sock : 0;
	}
	if (r == 0)
		r = compute_signal(&service->host, record.id, sig, false, err);
	if (r == -ESRCH || r == -ENOENT) {
		error_done(err);
		return not_running(name, &record, err);
	}
	if (r == 0 && record.state.status == RECORD_PAUSED && sig != SIGKILL && sig == stop_sig)
		r = resume(service, &record, err);
	record_unlock(&record);
	/* Whoever looks next finds it ended. */
	if (r == 0 && sock >= 0)
		r = await_exit(sock, KILL_PATIENCE_MS, NULL, err);
	return r < 0 ? r : 0;
}

int service_remove(const struct service *service, const char *name, bool force, bool volumes,
		   struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	int r = record_open(service, name, RECORD_LOCK, &record, err);

	if (r < 0)
		return r;
	if (record_is_up(&record)) {
		if (!force)
			return error_set(err, EBUSY,
					 "You cannot remove a %s container %s. Stop the container "
					 "before attempting removal or force remove",
					 record_status_name(record.state.status), record.id);
		r = stop_locked(service, &record, SIGKILL, KILL_PATIENCE_MS, err);
		if (r < 0)
			return r;
		record_done(&record);
		r = record_open(service, name, RECORD_LOCK, &record, err);
		/* --rm has been faster. */
		if (r == -ENOENT) {
			error_done(err);
			return 0;
		}
		if (r < 0)
			return r;
		if (record_is_up(&record))
			return error_set(err, EBUSY, "container %s was started again meanwhile",
					 record.id);
	}
	return record_remove(service, &record, volumes, err);
}

/* By the rename that removing begins with. */
/* *ret_status: the last one that it had. */
static int await_removal(const struct service *service, const struct record *record,
			 int *ret_status, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC);

	if (asprintf(&dir, "%s/" RECORD_CONTAINERS, service->root) < 0) {
		dir = NULL;
		return error_oom(err);
	}
	if (watch < 0 || inotify_add_watch(watch, dir, IN_MOVED_FROM | IN_DELETE) < 0)
		return error_sys(err, errno, "watch %s", dir);
	if (inotify_add_watch(watch, record->path, IN_MOVED_TO) < 0 && errno != ENOENT)
		return error_sys(err, errno, "watch %s", record->path);
	for (;;) {
		_cleanup_record_ struct record now = RECORD_INIT;
		_Alignas(struct inotify_event) char events[4096];
		int r = record_open(service, record->id, RECORD_READ, &now, err);

		if (r == -ENOENT) {
			error_done(err);
			return 0;
		}
		if (r < 0)
			return r;
		*ret_status = now.state.exit_code;
		if (read(watch, events, sizeof(events)) < 0 && errno != EINTR)
			return error_sys(err, errno, "watch %s", dir);
	}
}

/* A start makes the directory of its supervisor first. */
static int await_start(const struct service *service, const struct record *record,
		       struct error *err)
{
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC);

	if (watch < 0 || inotify_add_watch(watch, record->path, IN_MOVED_TO) < 0)
		return error_sys(err, errno, "watch %s", record->path);
	for (;;) {
		_cleanup_record_ struct record now = RECORD_INIT;
		_Alignas(struct inotify_event) char events[4096];
		int r = record_open(service, record->id, RECORD_READ, &now, err);

		if (r < 0 || record_is_up(&now))
			return r;
		if (read(watch, events, sizeof(events)) < 0 && errno != EINTR)
			return error_sys(err, errno, "watch %s", record->path);
	}
}

static int await_end(const struct service *service, const struct record *record, int *ret_status,
		     struct error *err)
{
	_cleanup_record_ struct record now = RECORD_INIT;
	_cleanup_close_ int sock = observe(service, record, err);
	int r, status = -1;

	if (sock < 0 && err->code)
		return sock;
	r = sock < 0 ? 1 : await_exit(sock, -1, &status, err);
	if (r < 0)
		return r;
	if (status >= 0) {
		*ret_status = status;
		return 0;
	}
	/* No word of it: the record knows, or the supervisor was killed. */
	reconcile_await_death(record);
	/* Its lock may be closed last: waited for, so that what is read is in order. */
	r = record_open(service, record->id, RECORD_LOCK, &now, err);
	if (r == 0)
		*ret_status = now.state.exit_code;
	else if (r == -ENOENT) /* nobody knows: no status is made up */
		(void)error_wrap(err, r, "its exit status went with it");
	return r;
}

int service_wait(const struct service *service, const char *name, const char *condition,
		 int *ret_status, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	bool removed = condition && strcmp(condition, "removed") == 0;
	bool next = condition && strcmp(condition, "next-exit") == 0;
	int r;

	if (condition && !removed && !next && strcmp(condition, "not-running") != 0)
		return error_set(err, EINVAL, "invalid condition: \"%.64s\"", condition);
	r = record_open(service, name, RECORD_READ, &record, err);
	if (r < 0)
		return r;
	*ret_status = record.state.exit_code;
	if (next && !record_is_up(&record)) {
		r = await_start(service, &record, err);
		if (r < 0)
			return r;
	}
	if (next || record_is_up(&record))
		r = await_end(service, &record, ret_status, err);
	return r == 0 && removed ? await_removal(service, &record, ret_status, err) : r;
}
