/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "service/lifecycle.h"
#include "service/log_read.h"
#include "service/record.h"
#include "service/supervisor.h"

/* What is printed with one write(2). */
struct printer {
	const struct service_logs *how;
	char *text;
	size_t len, size;
	int fd; /* of text */
};

static int print_out(struct printer *p, struct error *err)
{
	int r = p->len > 0 ? fd_write_all(p->fd, p->text, p->len) : 0;

	p->len = 0;
	return r < 0 ? error_sys(err, -r, "write the log") : 0;
}

static int append(struct printer *p, const char *text, size_t len, struct error *err)
{
	if (p->len + len > p->size) {
		size_t size = (p->len + len) * 2 + 65536;
		char *more = realloc(p->text, size);

		if (!more)
			return error_oom(err);
		p->text = more;
		p->size = size;
	}
	memcpy(p->text + p->len, text, len);
	p->len += len;
	return 0;
}

static int print(struct printer *p, const struct log_record *record, struct error *err)
{
	int fd = record->stream == LOG_STDERR ? STDERR_FILENO : STDOUT_FILENO, r = 0;

	if (!(fd == STDERR_FILENO ? p->how->stderr_ : p->how->stdout_))
		return 0;
	/* In the order in which it was written, also over both descriptors. */
	if (p->fd != fd || p->len > 32768)
		r = print_out(p, err);
	p->fd = fd;
	if (r == 0 && p->how->timestamps)
		r = append(p, record->time, strlen(record->time), err);
	if (r == 0 && p->how->timestamps)
		r = append(p, " ", 1, err);
	/* Docker puts the attributes that its log driver was told to keep here: none. */
	if (r == 0 && p->how->details)
		r = append(p, " ", 1, err);
	return r == 0 ? append(p, record->text, record->len, err) : r;
}

/* All that is there. 1: past the end of what is wanted. */
static int print_all(struct printer *p, struct log_reader *reader, struct error *err)
{
	const struct service_logs *how = p->how;
	struct log_record record;
	int r;

	while ((r = log_reader_next(reader, &record, err)) > 0) {
		bool late = how->until_ns && record.time_ns > how->until_ns;
		bool early = how->since_ns && record.time_ns < how->since_ns;

		r = late || early ? 0 : print(p, &record, err);
		log_record_done(&record);
		if (r < 0)
			return r;
		if (late)
			return print_out(p, err) < 0 ? -err->code : 1;
	}
	return r < 0 ? r : print_out(p, err);
}

/* Until the container's supervisor has nothing more to write. */
static int follow(struct printer *p, struct log_reader *reader, int watch, int sock,
		  struct error *err)
{
	bool ended = sock < 0;

	for (;;) {
		struct pollfd fds[] = { { .fd = watch, .events = POLLIN },
					{ .fd = sock, .events = POLLIN } };
		_Alignas(struct inotify_event) char events[4096];
		int r = print_all(p, reader, err);

		if (r != 0 || ended)
			return r < 0 ? r : 0;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		if (fds[0].revents)
			(void)!read(watch, events, sizeof(events));
		/* EXIT, or its end: what it wrote before is in the file. */
		ended = fds[1].revents != 0;
	}
}

int service_logs(const struct service *service, const char *name, const struct service_logs *logs,
		 struct error *err)
{
	const struct attach_request none = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_log_reader_ struct log_reader reader = { .fd = -1 };
	_cleanup_close_ int watch = -1, sock = -1;
	struct printer printer = { .how = logs, .fd = STDOUT_FILENO };
	int r = record_open(service, name, RECORD_READ, &record, err);

	if (r < 0)
		return r;
	if (record.config.log.driver && strcmp(record.config.log.driver, "none") == 0)
		return error_set(err, EOPNOTSUPP,
				 "configured logging driver does not support reading");
	/* In this order, so that nothing is missed between reading and following. */
	if (logs->follow && record_is_up(&record)) {
		sock = supervisor_connect(service, &record, &none, err);
		if (sock < 0)
			error_done(err);
		watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (watch < 0 ||
		    inotify_add_watch(watch, record.path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
			return error_sys(err, errno, "watch %s", record.path);
	}
	r = log_reader_open(record.dir_fd, record.id, logs->tail, &reader, err);
	if (r == 0)
		r = sock >= 0 ? follow(&printer, &reader, watch, sock, err)
			      : print_all(&printer, &reader, err);
	free(printer.text);
	return r < 0 ? r : 0;
}
