/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* Ours is non-blocking, which is nothing the container sees: each end has a description of its own. */
static int open_pipe(int *ours, int *theirs, bool read_end_is_ours, struct error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	*ours = fds[read_end_is_ours ? 0 : 1];
	*theirs = fds[read_end_is_ours ? 1 : 0];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? error_sys(err, errno, "pipe") : 0;
}

int stdio_open(struct supervisor *s, struct stdio *ret, struct error *err)
{
	int r = 0;

	*ret = (struct stdio){ .fds = { -1, -1, -1 } };
	s->out[0].type = ATTACH_OUTPUT;
	s->out[0].flag = ATTACH_STDOUT;
	s->out[1].type = ATTACH_ERROR_OUTPUT;
	s->out[1].flag = ATTACH_STDERR;
	if (s->record.config.tty)
		return 0;
	if (s->record.config.open_stdin)
		r = open_pipe(&s->in.fd, &ret->fds[0], false, err);
	if (r == 0)
		r = open_pipe(&s->out[0].fd, &ret->fds[1], true, err);
	if (r == 0)
		r = open_pipe(&s->out[1].fd, &ret->fds[2], true, err);
	return r;
}

void stdio_close(struct stdio *stdio)
{
	for (size_t i = 0; i < ARRAY_SIZE(stdio->fds); i++)
		stdio->fds[i] = close_fd(stdio->fds[i]);
}

int stdio_terminal(struct supervisor *s, int master)
{
	if (fcntl(master, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	s->out[0].fd = master;
	s->in.fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
	return s->in.fd < 0 ? -errno : 0;
}
