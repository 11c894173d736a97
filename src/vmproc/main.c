/* SPDX-License-Identifier: Apache-2.0 */
/* See protocol.h. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "container/sync.h"
#include "vmproc/confine.h"
#include "vmproc/loop.h"
#include "vmproc/protocol.h"
#include "vmproc/signals.h"
#include "vmproc/stdio.h"
#include "vmproc/terminal.h"
#include "wire/message.h"

/* While BEGIN's requests are sent: the largest twice, see wire_link_init. */
#define BEGIN_OUT_LIMIT (2 * (WIRE_REQUEST_MAX + WIRE_HEADER) + WIRE_LINK_BUSY)
/* What a process wrote before its VM was lost still goes to its readers, if they read. */
#define LOST_FLUSH_MS 2000

union message {
	uint32_t type;
	struct vmproc_header header;
	struct vmproc_begin_header begin;
};

static int on_vm(struct vmproc *p, const int *fds, size_t n, struct error *err)
{
	int r;

	if (n < 2 || p->worker.pidfd >= 0)
		return error_set(err, EPROTO, "vmproc: unexpected VM message");
	r = worker_start(p->id, fds, n, &p->worker, err);
	if (r == 0)
		r = sync_send(p->sync, (enum sync_type)VMPROC_VM_READY, p->worker.pid);
	return r;
}

/* The streams: over a terminal, or from the stdio that vmproc was given. */
static int open_streams(struct vmproc *p, const struct vmproc_begin_header *begin, int console,
			struct error *err)
{
	struct stdio ends[3] = { { -1, true }, { -1, true }, { -1, true } };
	int r = 0;

	if (console >= 0) {
		r = terminal_open(console, begin->rows, begin->columns, &p->tty, err);
		if (r < 0)
			return r;
		for (int i = 0; i < 2; i++) {
			ends[i].fd = fcntl(p->tty, F_DUPFD_CLOEXEC, 3);
			if (ends[i].fd < 0)
				r = error_sys(err, errno, "process.terminal: dup");
		}
	} else {
		for (int i = 0; r == 0 && i < 3; i++)
			r = stdio_take(i, &ends[i], err);
	}
	stream_source_init(&p->in, ends[0].fd, 0, 0, ends[0].nonblocking);
	for (uint32_t i = 0; i < 2; i++)
		stream_sink_init(&p->out[i], ends[i + 1].fd, 0, i + 1, ends[i + 1].nonblocking);
	if (r == 0)
		r = stdio_forget(err);
	/* Where a terminal is looked for from outside (`resize-tty`). */
	if (r == 0 && p->tty >= 0 && dup2(p->tty, STDIN_FILENO) < 0)
		return error_sys(err, errno, "process.terminal: dup2");
	return r;
}

static int on_begin(struct vmproc *p, const struct vmproc_begin_header *begin, int *fds, size_t n,
		    struct error *err)
{
	_cleanup_close_ int console = -1;
	int *const optional[] = { &p->listen, &console, &p->reason };
	size_t next = 2;
	int r;

	if (n < 2)
		return error_set(err, EPROTO, "vmproc: BEGIN without descriptors");
	p->requests = TAKE_FD(fds[0]);
	p->create_ms = begin->create_ms;
	p->start_ms = begin->start_ms;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (begin->flags & 1U << i && next < n)
			*optional[i] = TAKE_FD(fds[next++]);
	r = wire_link_init(&p->link, TAKE_FD(fds[1]), WIRE_TO_HOST, BEGIN_OUT_LIMIT, err);
	if (r == 0)
		r = open_streams(p, begin, console, err);
	/* From here on bytes of the guest are read. */
	return r < 0 ? r : confine(begin->uid, err);
}

/* The command's messages up to BEGIN. */
static int instructed(struct vmproc *p, struct error *err)
{
	union message m;
	int fds[VMPROC_VM_FDS_MAX], r;
	size_t n = VMPROC_VM_FDS_MAX;
	ssize_t len = fd_receive(p->sync, &m, sizeof(m), fds, &n);

	if (len <= 0)
		_exit(1); /* the command was killed */
	if (m.type == VMPROC_VM && len == (ssize_t)sizeof(m.header))
		r = on_vm(p, fds, n, err);
	else if (m.type == VMPROC_BEGIN && len == (ssize_t)sizeof(m.begin))
		r = on_begin(p, &m.begin, fds, n, err);
	else
		r = error_set(err, EPROTO, "vmproc: unexpected message");
	for (size_t i = 0; i < n; i++)
		(void)close_fd(fds[i]);
	return r < 0 ? r : m.type == VMPROC_BEGIN;
}

static void write_reason(const struct vmproc *p, const char *text)
{
	_cleanup_free_ char *line = message_printable(text);

	if (line && p->reason >= 0)
		(void)fd_write_all(p->reason, line, strnlen(line, VMPROC_REASON_MAX));
}

/* The VM has gone, or is not to be trusted: as if the process had been killed. */
static _Noreturn void lost(struct vmproc *p, struct error *err)
{
	char how[64] = "";

	loop_flush(p, LOST_FLUSH_MS);
	wire_link_done(&p->link);
	worker_end(&p->worker, how, sizeof(how));
	/* vmwp ended by itself without a word: how is all there is to say. */
	if (*how && err->code == ECONNRESET && !p->told_reason) {
		error_done(err);
		(void)error_set(err, ECONNRESET, "%s", how);
	}
	write_reason(p, error_text(err));
	(void)error_wrap(err, -1,
			 err->code == ETIMEDOUT ? "the utility VM" : "the utility VM ended");
	sync_send_error(p->sync >= 0 ? p->sync : p->starter, err);
	signals_die(SIGKILL);
}

static _Noreturn void ended(struct vmproc *p)
{
	if (p->starter >= 0) {
		struct error err = ERROR_INIT;

		(void)error_set(&err, ECANCELED, "the container %s before its program ran",
				p->has_exit ? "ended" : "was told to end");
		sync_send_error(p->starter, &err);
	}
	if (p->has_exit)
		loop_flush(p, -1);
	wire_link_done(&p->link);
	worker_end(&p->worker, NULL, 0);
	if (p->end == END_SIGNAL)
		signals_die(p->end_number);
	_exit(p->end_number);
}

static int set_up(struct vmproc *p, struct error *err)
{
	const struct rlimit none = { 0 };
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	(void)chdir("/");
	/* It may die by the signals that dump: what it holds is the container's. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)fcntl(p->sync, F_SETFD, FD_CLOEXEC);
	r = stdio_complete(err);
	/* Hashes that the guest cannot foresee; jansson reads /dev/urandom for it, now. */
	json_object_seed(0);
	if (r == 0)
		r = signals_open(p, err);
	while (r == 0)
		r = instructed(p, err);
	return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
	struct vmproc p = {
		.sync = VMPROC_SYNC_FD,
		.listen = -1,
		.starter = -1,
		.reason = -1,
		.signals = -1,
		.worker = WORKER_INIT,
		.link = WIRE_LINK_INIT,
		.tty = -1,
		.requests = -1,
	};
	struct error err = ERROR_INIT;
	int r;

	if (argc != 3 || fcntl(VMPROC_SYNC_FD, F_GETFD) < 0) {
		(void)fputs("vmproc is run by runhcs, not by hand\n", stderr);
		return 2;
	}
	p.id = argv[1];
	p.exec = strcmp(argv[2], "exec") == 0;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		p.connections[i] = -1;
	p.in.fd = p.out[0].fd = p.out[1].fd = -1;
	if (set_up(&p, &err) < 0) {
		sync_send_error(p.sync, &err);
		worker_end(&p.worker, NULL, 0);
		r = err.exit_status ? err.exit_status : 1;
		error_done(&err);
		return r;
	}
	if (loop_run(&p, &err) < 0)
		lost(&p, &err);
	ended(&p);
}
