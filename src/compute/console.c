/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/console.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/fd.h"

int console_open(struct console *console, bool terminal, bool detach, const char *socket_path,
		 struct error *err)
{
	int pair[2];

	if (!terminal && socket_path)
		return error_set(
			err, EINVAL,
			"--console-socket %s: the process has no terminal (process.terminal is "
			"false)",
			socket_path);
	if (!terminal)
		return 0;
	if (socket_path) {
		console->sock = unix_connect(AT_FDCWD, socket_path, SOCK_STREAM);
		if (console->sock < 0)
			return error_sys(err, -console->sock, "--console-socket %s", socket_path);
		return 0;
	}
	if (detach)
		return error_set(
			err, EINVAL,
			"process.terminal: a detached container needs --console-socket to hand "
			"its terminal to");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	console->ours = pair[0];
	console->sock = pair[1];
	return 0;
}

int console_receive(struct console *console, int *ret_master, struct error *err)
{
	char name[64];
	size_t n = 1;
	ssize_t r;

	*ret_master = -1;
	console->sock = close_fd(console->sock);
	if (console->ours < 0)
		return 0;
	r = fd_receive(console->ours, name, sizeof(name), ret_master, &n);
	if (r < 0)
		return error_sys(err, (int)-r, "receive the terminal");
	if (n != 1) {
		*ret_master = -1;
		return error_set(err, EPROTO, "receive the terminal: none came");
	}
	return 0;
}

void console_done(struct console *console)
{
	console->sock = close_fd(console->sock);
	console->ours = close_fd(console->ours);
}
