/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/loop.h"

#include <endian.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "container/sync.h"
#include "vmproc/protocol.h"
#include "vmproc/request.h"
#include "vmproc/signals.h"

/* While requests are sent the link takes configurations; then small frames and the streams' data. */
#define RUNNING_OUT_LIMIT (256 << 10)
/* For vmwp to say what it knows of an agent that does not answer. */
#define SILENCE_MS 2000

static int broken(struct error *err, const char *what)
{
	return error_set(err, EPROTO, "the utility VM broke the protocol: %s", what);
}

static void await_within(struct vmproc *p, uint32_t ms)
{
	p->deadline = ms ? clock_ms() + ms : 0;
}

/* The last of BEGIN's requests is answered. */
static int requests_done(struct vmproc *p, int guest_pid, struct error *err)
{
	int r;

	p->deadline = 0;
	p->link.out_limit = RUNNING_OUT_LIMIT;
	p->requests = close_fd(p->requests);
	/* From here the end of the conversation tells that the command was killed; it may end by
	 * itself as soon as it has sent COMMIT, or the exec's program runs. */
	(void)prctl(PR_SET_PDEATHSIG, 0);
	p->resize_due = p->tty >= 0;
	p->phase = p->exec ? PHASE_RUNNING : PHASE_READY;
	r = p->exec ? signals_forward(p, err) : signals_until_start(p, err);
	if (r < 0)
		return r;
	/* A command that is no longer there is seen where its next message is due. */
	(void)sync_send(p->sync, SYNC_READY, guest_pid);
	if (p->exec)
		p->sync = close_fd(p->sync);
	return 0;
}

/* The guest's error of what was awaited goes to who asked, and is the end. */
static void fail(struct vmproc *p, int *sock, const struct error *error)
{
	sync_send_error(*sock, error);
	*sock = close_fd(*sock);
	vmproc_end(p, END_STATUS, error->exit_status ? error->exit_status : 1);
}

static int on_awaited(struct vmproc *p, const uint8_t *body, size_t len, struct error *err)
{
	_cleanup_error_ struct error theirs = ERROR_INIT;
	int pid = 0, r = request_result(p, body, len, &pid, &theirs);

	p->awaited = 0;
	if (p->phase == PHASE_STARTING)
		p->deadline = 0;
	if (r == -EPROTO) {
		error_move(err, &theirs);
		return r;
	}
	if (p->phase == PHASE_STARTING) {
		if (r < 0) {
			fail(p, &p->starter, &theirs);
			return 0;
		}
		p->phase = PHASE_RUNNING;
		p->starter = close_fd(p->starter); /* that is the proof */
		return signals_forward(p, err);
	}
	if (r < 0) {
		fail(p, &p->sync, &theirs);
		return 0;
	}
	r = request_send_next(p, err);
	return r == 0 ? requests_done(p, pid, err) : r < 0 ? r : 0;
}

static int on_exit_status(struct vmproc *p, const uint8_t *body, size_t len, struct error *err)
{
	if (p->has_exit || p->phase == PHASE_HELLO ||
	    request_parse_exit(body, len, &p->exit_kind, &p->exit_number) < 0)
		return broken(err, "a broken exit status");
	p->has_exit = true;
	return 0;
}

static int on_stream(struct vmproc *p, const struct frame *f, const uint8_t *body,
		     struct error *err)
{
	uint32_t bytes;
	int r = 0;

	if (f->type == WIRE_WINDOW || f->type == WIRE_STOP) {
		if (f->number != 0)
			return broken(err, "a stream in the wrong direction");
		if (f->type == WIRE_STOP) {
			stream_source_stop(&p->in);
			return 0;
		}
		memcpy(&bytes, body, sizeof(bytes)); /* its size was checked by frame_decode */
		r = stream_source_grant(&p->in, le32toh(bytes));
	} else {
		if (f->number == 0 || p->phase == PHASE_HELLO)
			return broken(err, "a stream in the wrong direction");
		if (f->type == WIRE_EOF)
			r = stream_sink_eof(&p->out[f->number - 1]);
		else
			r = stream_sink_data(&p->out[f->number - 1], &p->link, body, f->size);
	}
	if (r == -EPROTO)
		return broken(err, "more data than was granted");
	if (r == -ENOMEM)
		return error_oom(err);
	return 0; /* the link's end is seen where it is read */
}

static int on_frame(struct vmproc *p, const struct frame *f, const uint8_t *body, struct error *err)
{
	char reason[VMPROC_REASON_MAX];
	int r;

	if (f->client != 0)
		return broken(err, "a frame for another client");
	switch (f->type) {
	case WIRE_HELLO:
		if (p->phase != PHASE_HELLO)
			return broken(err, "a second greeting");
		p->phase = PHASE_REQUESTS;
		await_within(p, p->create_ms);
		r = request_send_next(p, err);
		return r == 0 ? error_set(err, EPROTO, "no requests") : r < 0 ? r : 0;
	case WIRE_RESPONSE:
		if (f->number != 0 && f->number == p->awaited)
			return on_awaited(p, body, f->size, err);
		if (f->number == 0 || f->number != p->control)
			return broken(err, "an answer to no request");
		p->control = 0; /* a process that has just ended takes no signal: no matter */
		return 0;
	case WIRE_EXIT:
		return on_exit_status(p, body, f->size, err);
	case WIRE_END:
		request_parse_end(body, f->size, reason, sizeof(reason));
		p->told_reason = true;
		return error_set(err, ECONNRESET, "%s", reason);
	case WIRE_DATA:
	case WIRE_EOF:
	case WIRE_STOP:
	case WIRE_WINDOW:
		return on_stream(p, f, body, err);
	default:
		return broken(err, "a frame that was not asked for");
	}
}

static const char connection_ended[] = "the connection to it ended";

/* A request that is being answered is answered first: the process may have ended in the meantime,
 * but its start did or did not succeed. Then EXIT is final, whatever happens to the VM. */
static void settle(struct vmproc *p)
{
	if (p->end == END_NOT && p->has_exit && p->awaited == 0)
		vmproc_end(p, p->exit_kind, p->exit_number);
}

static int link_step(struct vmproc *p, short revents, struct error *err)
{
	const uint8_t *body;
	struct frame frame;
	int r = 0;

	if (revents & POLLOUT)
		(void)wire_link_flush(&p->link);
	if (!(revents & (POLLIN | POLLHUP | POLLERR)))
		return 0;
	r = wire_link_receive(&p->link);
	if (r < 0 && r != -EPROTO)
		return error_sys(err, -r, "read from the utility VM");
	while (r == 0 && p->end == END_NOT) {
		r = wire_link_next(&p->link, &frame, &body);
		if (r == 0)
			break;
		if (r > 0)
			r = on_frame(p, &frame, body, err);
		if (r < 0 && err->code)
			return r;
		settle(p);
	}
	if (r == -EPROTO)
		return broken(err, "a broken frame");
	if (p->link.ended && p->end == END_NOT)
		return error_set(err, ECONNRESET, "%s", connection_ended);
	return 0;
}

static void start(struct vmproc *p, int *conn)
{
	p->starter = TAKE_FD(*conn);
	p->listen = close_fd(p->listen);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		p->connections[i] = close_fd(p->connections[i]);
	signals_drop(p);
	p->phase = PHASE_STARTING;
	await_within(p, p->start_ms);
	/* A size that was set before START is the terminal's when the program begins. */
	p->resize_due = p->tty >= 0;
	p->start_due = true;
}

/* The command's word; before COMMIT or START its end is ours. */
static void sync_step(struct vmproc *p)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r = sync_receive(p->sync, NULL, &ignored);

	if (r == SYNC_START && p->phase == PHASE_READY) {
		start(p, &p->sync);
		return;
	}
	p->sync = close_fd(p->sync);
	if (r == SYNC_COMMIT && p->phase == PHASE_READY && p->listen >= 0)
		p->phase = PHASE_CREATED;
	else
		vmproc_end(p, END_STATUS, 1);
}

static void accept_starter(struct vmproc *p)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (p->connections[i] >= 0)
			continue;
		p->connections[i] = accept4(p->listen, NULL, NULL, SOCK_CLOEXEC);
		return;
	}
}

/* One that ends before it has said START was killed: the next may come. */
static void starter_step(struct vmproc *p, size_t i)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	if (sync_receive(p->connections[i], NULL, &ignored) == SYNC_START)
		start(p, &p->connections[i]);
	else
		p->connections[i] = close_fd(p->connections[i]);
}

static int resize_step(struct vmproc *p, struct error *err)
{
	struct winsize size;

	p->resize_due = false;
	if (p->tty < 0 || ioctl(p->tty, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col ||
	    (size.ws_row == p->told.ws_row && size.ws_col == p->told.ws_col))
		return 0;
	p->told = size;
	return request_resize(p, &size, err);
}

/* What is due and has its turn: the agent works at requests side by side, so of these one is under
 * way at a time, and none when it starts the program. */
static int control_step(struct vmproc *p, struct error *err)
{
	int r = 0;

	if (p->phase < PHASE_READY || !request_possible(p))
		return 0;
	if (p->hangup_due) {
		p->hangup_due = p->resize_due = false;
		stream_source_done(&p->in);
		p->tty = close_fd(p->tty);
		return request_hangup(p, err);
	}
	if (p->resize_due)
		r = resize_step(p, err);
	if (r < 0 || p->control != 0 || !p->start_due)
		return r;
	p->start_due = false;
	return request_start(p, err);
}

static void stdin_step(struct vmproc *p, short revents)
{
	/* A terminal that is hung up is not an end of input but of the terminal. */
	if (p->tty >= 0 && revents & (POLLHUP | POLLERR)) {
		p->hangup_due = true;
		stream_source_done(&p->in);
		return;
	}
	(void)stream_source_step(&p->in, &p->link);
}

enum slot {
	SLOT_SIGNALS,
	SLOT_SYNC,
	SLOT_LISTEN,
	SLOT_LINK,
	SLOT_STDIN,
	SLOT_STDOUT,
	SLOT_WORKER = SLOT_STDOUT + 2,
	SLOT_STARTERS,
	SLOTS = SLOT_STARTERS + CONNECTIONS_MAX,
};

static void fill_slots(struct vmproc *p, struct pollfd *fds)
{
	bool room = false;
	short events;

	for (size_t i = 0; i < SLOTS; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (p->phase == PHASE_RUNNING ? request_possible(p) : p->phase >= PHASE_READY)
		fds[SLOT_SIGNALS].fd = p->signals;
	if (p->phase < PHASE_CREATED)
		fds[SLOT_SYNC].fd = p->sync;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		fds[SLOT_STARTERS + i].fd = p->connections[i];
		room |= p->connections[i] < 0;
	}
	if (p->phase == PHASE_CREATED && room)
		fds[SLOT_LISTEN].fd = p->listen;
	fds[SLOT_LINK].fd = p->link.ended ? -1 : p->link.fd;
	fds[SLOT_LINK].events = wire_link_events(&p->link, true);
	events = p->phase == PHASE_RUNNING ? stream_source_events(&p->in, &p->link) : 0;
	fds[SLOT_STDIN].fd = events ? p->in.fd : -1;
	fds[SLOT_STDIN].events = events;
	for (size_t i = 0; i < 2; i++) {
		events = stream_sink_events(&p->out[i]);
		fds[SLOT_STDOUT + i].fd = events ? p->out[i].fd : -1;
		fds[SLOT_STDOUT + i].events = events;
	}
	fds[SLOT_WORKER].fd = p->worker.pidfd;
}

/* Polled a moment before, the link had nothing to say yet: what vmwp sent before its end counts. */
static int worker_ended(struct vmproc *p, struct error *err)
{
	struct pollfd link = { .fd = p->link.fd, .events = POLLIN };
	int r = 0;

	while (r == 0 && p->end == END_NOT && !p->link.ended && poll(&link, 1, 0) > 0)
		r = link_step(p, link.revents, err);
	return r < 0 || p->end != END_NOT ? r : error_set(err, ECONNRESET, "%s", connection_ended);
}

static int handle_slots(struct vmproc *p, const struct pollfd *fds, struct error *err)
{
	int r = 0;

	/* The guest's news first: what it says of the end counts before the end is seen otherwise.
	 */
	if (fds[SLOT_LINK].revents)
		r = link_step(p, fds[SLOT_LINK].revents, err);
	else if (fds[SLOT_WORKER].revents)
		r = worker_ended(p, err);
	if (r == 0 && p->end == END_NOT && fds[SLOT_SIGNALS].revents)
		r = signals_step(p, err);
	if (r == 0 && p->end == END_NOT && fds[SLOT_SYNC].revents && p->sync >= 0)
		sync_step(p);
	for (size_t i = 0; r == 0 && i < CONNECTIONS_MAX; i++)
		if (fds[SLOT_STARTERS + i].revents && p->connections[i] >= 0)
			starter_step(p, i);
	if (r == 0 && fds[SLOT_LISTEN].revents && p->listen >= 0)
		accept_starter(p);
	if (r < 0)
		return r;
	if (fds[SLOT_STDIN].revents)
		stdin_step(p, fds[SLOT_STDIN].revents);
	for (size_t i = 0; i < 2; i++)
		if (fds[SLOT_STDOUT + i].revents)
			(void)stream_sink_step(&p->out[i], &p->link);
	return 0;
}

/* What a guest may do is not to answer; who waits for it does not wait for ever. The owner's VM is of
 * no use without its container, and its console may say why. */
static int on_silence(struct vmproc *p, struct error *err)
{
	if (p->worker.pidfd < 0 || p->silence_told)
		return error_set(err, ETIMEDOUT, "its agent does not answer");
	worker_tell_silence(&p->worker);
	p->silence_told = true;
	await_within(p, SILENCE_MS);
	return 0;
}

int loop_run(struct vmproc *p, struct error *err)
{
	/* The owner's guest has to boot first. */
	if (p->worker.pidfd < 0)
		await_within(p, p->create_ms);
	while (p->end == END_NOT) {
		int64_t left = p->deadline ? p->deadline - clock_ms() : -1;
		struct pollfd fds[SLOTS];
		int r;

		if (p->deadline && left <= 0) {
			r = on_silence(p, err);
			if (r < 0)
				return r;
			continue;
		}
		fill_slots(p, fds);
		if (poll(fds, SLOTS, (int)left) < 0) {
			if (errno == EINTR)
				continue;
			return error_sys(err, errno, "poll");
		}
		r = handle_slots(p, fds, err);
		if (r == 0 && p->end == END_NOT)
			r = control_step(p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void loop_flush(struct vmproc *p, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd fds[2];
		int64_t left = timeout_ms < 0 ? -1 : end - clock_ms();
		bool waiting = false;

		for (size_t i = 0; i < 2; i++) {
			short events = stream_sink_events(&p->out[i]);

			fds[i] = (struct pollfd){ .fd = events ? p->out[i].fd : -1,
						  .events = events };
			waiting |= events != 0;
		}
		if (!waiting || (timeout_ms >= 0 && left <= 0))
			return;
		if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < 2; i++)
			if (fds[i].revents)
				(void)stream_sink_step(&p->out[i], &p->link);
	}
}
