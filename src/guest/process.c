/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/process.h"

#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/pid.h"

/* As much as a window: one side reads it in one turn while the other fills the next. */
#define PIPE_ROOM WIRE_WINDOW_SIZE

void process_init(struct process *p)
{
	*p = (struct process){ .pidfd = -1, .master = -1, .in_poll = -1, .out_poll = { -1, -1 } };
	stream_sink_init(&p->in, -1, 0, 0, true);
	for (uint32_t i = 0; i < 2; i++)
		stream_source_init(&p->out[i], -1, 0, i + 1, true);
}

static void close_streams(struct process *p)
{
	stream_sink_done(&p->in);
	for (int i = 0; i < 2; i++)
		stream_source_done(&p->out[i]);
	p->master = close_fd(p->master);
}

void process_done(struct process *p)
{
	close_streams(p);
	free(p->id);
	(void)close_fd(p->pidfd);
	process_init(p);
}

/* Ours is ends[ours]; the other end goes to the process, in blocking mode. */
static int make_pipe(int ours, int *ret_ours, int *ret_theirs, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_ROOM);
	*ret_ours = ends[ours];
	*ret_theirs = ends[!ours];
	return 0;
}

int process_prepare(struct process *p, uint32_t client, bool init, bool terminal, const char *id,
		    int stdio[3], struct error *err)
{
	int ours[3] = { -1, -1, -1 }, r = 0;

	for (int i = 0; i < 3 && !terminal && r == 0; i++)
		r = make_pipe(i == 0, &ours[i], &stdio[i], err);
	process_done(p);
	p->id = strdup(id);
	if (r == 0 && !p->id)
		r = error_oom(err);
	stream_sink_init(&p->in, ours[0], client, 0, true);
	for (uint32_t i = 0; i < 2; i++)
		stream_source_init(&p->out[i], ours[i + 1], client, i + 1, true);
	if (r < 0) {
		for (int i = 0; i < 3; i++)
			stdio[i] = close_fd(stdio[i]);
		process_done(p);
		return r;
	}
	p->in.held = terminal;
	p->init = init;
	p->terminal = terminal;
	p->state = PROCESS_STARTING;
	return 0;
}

static int take_terminal(struct process *p, int master)
{
	uint32_t client = p->in.client;
	int in = fcntl(master, F_DUPFD_CLOEXEC, 3), out = fcntl(master, F_DUPFD_CLOEXEC, 3);

	p->master = master;
	if (in < 0 || out < 0) {
		(void)close_fd(in);
		(void)close_fd(out);
		return -EMFILE;
	}
	/* What has come already stays in the ring. */
	p->in.held = false;
	p->in.fd = in;
	stream_source_init(&p->out[0], out, client, 1, true);
	return 0;
}

int process_started(struct process *p, pid_t pid, int master)
{
	p->pid = pid;
	/* Not reaped before we do it: the pid is still its own. */
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	p->state = PROCESS_RUNNING;
	if (p->terminal)
		return master < 0 ? -EPROTO : take_terminal(p, master);
	(void)close_fd(master);
	return 0;
}

void process_exited(struct process *p, int code, int status)
{
	p->code = code;
	p->status = status;
	p->state = PROCESS_EXITED;
	p->pid = 0;
	p->pidfd = close_fd(p->pidfd);
	stream_sink_done(&p->in);
}

void process_poll(struct process *p, struct agent *agent)
{
	p->in_poll = p->out_poll[0] = p->out_poll[1] = -1;
	if (p->state != PROCESS_RUNNING || !p->answered)
		return;
	/* A pipe says by POLLERR that nobody reads it any more. A terminal says POLLHUP for as long
	 * as nobody has it open, which is not for us to hear. */
	p->in_poll = agent_poll(agent, p->in.fd, stream_sink_events(&p->in), !p->terminal);
	for (int i = 0; i < 2; i++)
		p->out_poll[i] = agent_poll(agent, p->out[i].fd,
					    stream_source_events(&p->out[i], &agent->link), false);
}

int process_step(struct process *p, struct agent *agent)
{
	short in = agent_polled(agent, p->in_poll);
	int r = 0;

	if (p->state != PROCESS_RUNNING || !p->answered)
		return 0;
	if (in & POLLERR)
		stream_sink_stop(&p->in);
	if (in || p->in.stop_due)
		r = stream_sink_step(&p->in, &agent->link);
	for (int i = 0; i < 2 && r == 0; i++)
		if (agent_polled(agent, p->out_poll[i]) ||
		    (p->out[i].fd < 0 && !stream_source_over(&p->out[i])))
			r = stream_source_step(&p->out[i], &agent->link);
	if (p->terminal && p->out[0].fd < 0)
		stream_sink_done(&p->in);
	return r;
}

int process_finish(struct process *p, struct agent *agent, uint32_t client)
{
	char text[64];
	int r, n;

	if (p->state != PROCESS_EXITED || !p->answered)
		return 0;
	for (int i = 0; i < 2; i++) {
		r = stream_source_drain(&p->out[i], &agent->link);
		agent->stalled |= wire_link_waiting(&agent->link) >= WIRE_LINK_BUSY;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (p->syncing || !agent_has_room(agent, sizeof(text)))
		return 0;
	n = snprintf(text, sizeof(text), "{\"%s\":%d}", p->code == CLD_EXITED ? "code" : "signal",
		     p->status);
	p->state = PROCESS_DONE;
	close_streams(p);
	return wire_link_send(&agent->link, WIRE_EXIT, client, 0, text, (size_t)n);
}

int process_frame(struct process *p, struct agent *agent, const struct frame *frame,
		  const uint8_t *body)
{
	struct stream_source *out = frame->number ? &p->out[frame->number - 1] : NULL;
	uint32_t grant;

	if (frame->type == WIRE_DATA || frame->type == WIRE_EOF) {
		if (out)
			return -EPROTO;
		if (p->state != PROCESS_STARTING && p->state != PROCESS_RUNNING)
			return 0;
		if (frame->type == WIRE_DATA)
			return stream_sink_data(&p->in, &agent->link, body, frame->size);
		return stream_sink_eof(&p->in);
	}
	if (!out)
		return -EPROTO;
	if (p->state == PROCESS_NONE || p->state == PROCESS_DONE)
		return 0;
	if (frame->type == WIRE_STOP) {
		stream_source_stop(out);
		return 0;
	}
	memcpy(&grant, body, sizeof(grant));
	return stream_source_grant(out, le32toh(grant));
}

void process_kill(struct process *p)
{
	if (p->pidfd >= 0)
		(void)pidfd_kill(p->pidfd, SIGKILL);
}

int process_signal(struct process *p, int sig, struct error *err)
{
	int r = p->pidfd < 0 ? -ESRCH : pidfd_kill(p->pidfd, sig);

	if (r == -ESRCH)
		return error_set(err, ESRCH, "container not running: its process has ended");
	return r < 0 ? error_sys(err, -r, "signal %d", sig) : 0;
}

int process_resize(struct process *p, unsigned width, unsigned height, struct error *err)
{
	struct winsize size = { .ws_row = (unsigned short)height, .ws_col = (unsigned short)width };

	if (width > UINT16_MAX || height > UINT16_MAX)
		return error_set(err, EINVAL,
				 "resize: a terminal has at most 65535 columns and rows");
	if (p->master < 0)
		return error_set(err, ENOTTY, "resize: the process has no terminal");
	return ioctl(p->master, TIOCSWINSZ, &size) < 0 ? error_sys(err, errno, "resize") : 0;
}

int process_hangup(struct process *p, struct error *err)
{
	if (!p->terminal)
		return error_set(err, ENOTTY, "hangup: the process has no terminal");
	close_streams(p);
	return 0;
}
