/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/fd.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int terminal_open(int console_sock, uint16_t rows, uint16_t columns, int *ret_slave,
		  struct error *err)
{
	/* What runc and crun send; receivers show it, nothing more. */
	static const char name[] = "/dev/ptmx";
	_cleanup_close_ int master = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	struct termios termios;
	int unlocked = 0, r;

	if (master < 0)
		return error_sys(err, errno, "process.terminal: open %s", name);
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return error_sys(err, errno, "process.terminal: unlock");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (slave < 0)
		return error_sys(err, errno, "process.terminal: open the slave");
	if (tcgetattr(slave, &termios) < 0)
		return error_sys(err, errno, "process.terminal: tcgetattr");
	cfmakeraw(&termios);
	if (tcsetattr(slave, TCSANOW, &termios) < 0)
		return error_sys(err, errno, "process.terminal: tcsetattr");
	if (rows && columns && ioctl(slave, TIOCSWINSZ, &size) < 0)
		return error_sys(err, errno, "process.consoleSize");
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_sys(err, errno, "process.terminal: TIOCSCTTY");
	r = fd_send(console_sock, name, sizeof(name), &master, 1);
	if (r < 0)
		return error_sys(err, -r, "send the terminal to the console socket");
	*ret_slave = TAKE_FD(slave);
	return 0;
}
