/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "container/program_seal.h"
#include "service/record_store.h"
#include "service/supervisor.h"
#include "supervisor/supervisor.h"

#define RUN_DIR_SIZE (sizeof(RECORD_CONTAINERS) + RECORD_ID_LEN + 2)

static void run_dir(const struct supervisor *s, char path[RUN_DIR_SIZE])
{
	(void)snprintf(path, RUN_DIR_SIZE, RECORD_CONTAINERS "/%s", s->record.id);
}

static void warn(const char *message, void *data)
{
	clients_warn(data, message);
}

static int open_signals(struct supervisor *s, struct error *err)
{
	static const int ours[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGPIPE };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		(void)sigaddset(&set, ours[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? error_sys(err, errno, "signalfd") : 0;
}

/* Whoever finds the record running and this lock free knows that we were killed. */
static int take_life(struct supervisor *s, struct error *err)
{
	s->alive_fd = openat(s->record.dir_fd, RECORD_ALIVE_FILE,
			     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->alive_fd < 0 || record_flock(s->alive_fd, LOCK_EX) < 0)
		return error_sys(err, errno, "lock %s/" RECORD_ALIVE_FILE, s->record.path);
	return 0;
}

static int listen_for_clients(struct supervisor *s, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[RUN_DIR_SIZE], via[FD_PATH_MAX];
	_cleanup_close_ int dir = -1;

	run_dir(s, path);
	if (mkdirat(s->service.run_fd, path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s/%s", s->service.run_root, path);
	dir = openat(s->service.run_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dir < 0 || s->listen_fd < 0)
		return error_sys(err, errno, "open %s", path);
	(void)unlinkat(dir, ATTACH_SOCKET, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" ATTACH_SOCKET,
		       fd_path(dir, via));
	if (bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(s->listen_fd, ATTACH_CLIENTS_MAX) < 0)
		return error_sys(err, errno, "listen at %s/" ATTACH_SOCKET, path);
	return 0;
}

/* Whoever has connected by now hears of the end as those do that were here before. */
static void stop_listening(struct supervisor *s)
{
	char path[RUN_DIR_SIZE], sock[RUN_DIR_SIZE + sizeof(ATTACH_SOCKET) + 1];

	run_dir(s, path);
	(void)snprintf(sock, sizeof(sock), "%s/" ATTACH_SOCKET, path);
	(void)unlinkat(s->service.run_fd, sock, 0);
	for (int i = 0; i < ATTACH_CLIENTS_MAX && client_accept(s); i++)
		;
	s->listen_fd = close_fd(s->listen_fd);
}

/* From here nobody takes us for the container's supervisor. */
static void give_up_life(struct supervisor *s)
{
	char path[RUN_DIR_SIZE];

	run_dir(s, path);
	(void)unlinkat(s->service.run_fd, path, AT_REMOVEDIR);
	s->alive_fd = close_fd(s->alive_fd);
}

/* After those that wait for the end have been told: another try is the next command's. */
static void leave_network(struct supervisor *s, bool stored)
{
	_cleanup_error_ struct error why = ERROR_INIT, ignored = ERROR_INIT;

	if (life_leave_network(s, &why) < 0 && stored &&
	    record_set_error(&s->record, error_text(&why), &ignored) == 0)
		(void)record_store_state(&s->record, &ignored);
}

/* The record is locked; unlocked in the end, when all that there is to store is stored. */
static void finish(struct supervisor *s, const struct error *failed)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	bool locked = s->record.lock_fd >= 0, stored = false;
	bool removed = locked && s->record.config.auto_remove;

	s->record.state.supervisor = 0;
	s->record.state.supervisor_start = 0;
	/* Killed at any point of this, we are found out: by a record that says running, or by our
	 * directory. */
	if (locked && !removed && !failed)
		stored = record_store_state(&s->record, &ignored) == 0;
	stop_listening(s);
	removed = removed && record_retire(&s->service, &s->record, true, &ignored) == 0;
	/* All that the user can see of it is as it will be: what is left is ours. Output that somebody does
	 * not take is waited for below, without the lock. */
	if (!failed && streams_flush(s))
		clients_exit(s);
	leave_network(s, stored);
	give_up_life(s);
	if (removed)
		(void)record_discard(&s->service, &s->record, true, &ignored);
	record_unlock(&s->record);
	/* Last, so that whoever hears of it finds nothing half removed. */
	if (failed)
		clients_failed(s, failed);
	streams_deliver(s);
	clients_exit(s);
}

static void watch_oom(struct supervisor *s)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int fd;

	/* In process isolation the count is there afterwards. */
	if (s->record.config.isolation != ISOLATION_HYPERV)
		return;
	fd = compute_oom_watch(&s->service.host, s->record.id, &ignored);
	s->oom_fd = fd < 0 ? -1 : fd;
}

/* One life, from the locked record to the record locked again. */
static int live(struct supervisor *s, bool first, struct error *err)
{
	int r = life_begin(s, err);

	if (r < 0)
		return r;
	if (first)
		clients_started(s);
	record_unlock(&s->record);
	watch_oom(s);
	memory_shrink();
	r = loop_run(s, err);
	return r == 0 ? life_end(s, err) : r;
}

/* false: it was stopped, or removed, while it waited. */
static bool wait_for_restart(struct supervisor *s, int64_t delay_ms, struct error *err)
{
	s->record.state.status = RECORD_RESTARTING;
	s->record.state.restart_count++;
	if (record_store_state(&s->record, err) < 0)
		return false;
	record_unlock(&s->record);
	streams_deliver(s);
	clients_exit(s);
	streams_close(s);
	do {
		s->woken = false;
		if (loop_wait(s, delay_ms, err) < 0 ||
		    record_relock(&s->service, &s->record, err) < 0)
			return false;
		if (s->stopping || s->record.state.stopped_by_user) {
			s->record.state.status = RECORD_EXITED;
			return false;
		}
		/* Woken for nothing: from the beginning. */
		if (s->woken)
			record_unlock(&s->record);
	} while (s->woken);
	return true;
}

static void run(struct supervisor *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int64_t delay = 0;
	int r;

	for (bool first = true;; first = false) {
		r = live(s, first, &err);
		if (r < 0)
			break;
		if (!restart_wanted(s, s->record.state.restart_count))
			break;
		leave_network(s, false);
		delay = restart_delay_ms(delay, clock_ms() - s->started_ms);
		if (!wait_for_restart(s, delay, &err))
			break;
		s->oom_killed = false;
	}
	finish(s, r < 0 ? &err : NULL);
}

static int greet_starter(struct supervisor *s, struct error *err)
{
	struct attach_packet packet;
	struct attach_request request;
	int r = attach_receive(SUPERVISOR_FD_CLIENT, &packet, MSG_DONTWAIT);

	if (r != 1 || packet.type != ATTACH_ATTACH || packet.len != sizeof(request))
		return error_set(err, EPROTO, "only hcs starts this program");
	memcpy(&request, packet.data, sizeof(request));
	s->size = request.size;
	s->clients[0] = (struct client){ .sock = SUPERVISOR_FD_CLIENT,
					 .streams = request.streams,
					 .greeted = true,
					 .starter = true };
	s->clients_len = 1;
	return 0;
}

static int set_up(struct supervisor *s, char **argv, struct error *err)
{
	int r = program_seal(argv, err);

	if (r == 0 && close_range(SUPERVISOR_FD_CLIENT, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		r = error_sys(err, errno, "close_range");
	if (r == 0)
		r = greet_starter(s, err);
	if (r == 0)
		r = open_signals(s, err);
	if (r == 0)
		r = service_open(argv[1], argv[2], &s->service, err);
	if (r < 0)
		return r;
	s->service.host.warn = warn;
	s->service.host.warn_data = s;
	/* Orphans of the container are reaped here, and helpers that lose their parent. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_sys(err, errno, "PR_SET_CHILD_SUBREAPER");
	r = record_adopt(&s->service, argv[3], SUPERVISOR_FD_LOCK, &s->record, err);
	if (r == 0)
		r = take_life(s, err);
	return r == 0 ? listen_for_clients(s, err) : r;
}

int main(int argc, char **argv)
{
	static struct supervisor s = {
		.service = { .root_fd = -1, .run_fd = -1 },
		.record = { .dir_fd = -1, .lock_fd = -1 },
		.alive_fd = -1,
		.listen_fd = -1,
		.signal_fd = -1,
		.process = { .pidfd = -1, .terminal = -1 },
		.oom_fd = -1,
		.out = { { .fd = -1 }, { .fd = -1 } },
		.in = { .fd = -1 },
		.log = { .dir_fd = -1, .fd = -1 },
	};
	_cleanup_error_ struct error err = ERROR_INIT;

	if (argc != 4 || set_up(&s, argv, &err) < 0) {
		(void)attach_send_failure(SUPERVISOR_FD_CLIENT, &err);
		return EXIT_FAILURE;
	}
	s.record.state.restart_count = 0;
	run(&s);
	return EXIT_SUCCESS;
}
