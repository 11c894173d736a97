"""Terminals: a pseudo-terminal to drive a foreground session, and the console socket's far end."""

import array
import fcntl
import os
import pty
import re
import select
import socket
import struct
import termios
import time

from runtime import TIMEOUT


class Screen:
    """The master side of a terminal: what appears on it, and what is typed."""

    def __init__(self, master: int):
        self.master = master
        self.text = ""

    def read_some(self, timeout: float) -> bool:
        """Take in what is there; False at the end of the terminal."""
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: the last slave was closed
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, pattern: str, timeout=TIMEOUT) -> re.Match:
        """Wait for a pattern and drop everything up to its end."""
        end = time.monotonic() + timeout
        alive = True
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return match
            if not alive or time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} on the terminal: {self.text!r}")
            alive = self.read_some(0.05)

    def drain(self, timeout=TIMEOUT) -> str:
        """Everything up to the end of the terminal."""
        end = time.monotonic() + timeout
        while self.read_some(0.05):
            if time.monotonic() > end:
                raise AssertionError(f"the terminal does not end: {self.text!r}")
        return self.text

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, rows: int, cols: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def size(self) -> tuple:
        packed = fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8))
        return struct.unpack("HHHH", packed)[:2]

    def close(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class Terminal(Screen):
    """A terminal of ours whose slave is handed to a runtime as its stdin, stdout and stderr."""

    def __init__(self, rows=24, cols=80):
        master, self.slave = pty.openpty()
        super().__init__(master)
        self.resize(rows, cols)
        self.before = termios.tcgetattr(self.slave)

    def popen_args(self) -> dict:
        """Keyword arguments for Popen: controlling terminal and the three descriptors."""
        slave = self.slave

        def own():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        return {"stdin": slave, "stdout": slave, "stderr": slave, "preexec_fn": own}

    def attributes(self) -> list:
        return termios.tcgetattr(self.slave)

    def is_raw(self) -> bool:
        return not self.attributes()[3] & (termios.ICANON | termios.ECHO)

    def close(self) -> None:
        super().close()
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1


class ConsoleSocket:
    """Listens where --console-socket points and receives the terminal's master."""

    def __init__(self, path):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(TIMEOUT)
        self.screens = []

    def receive(self) -> Screen:
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(TIMEOUT)
            message, fds = receive_fds(connection)
        assert len(fds) == 1, f"{len(fds)} descriptors came with {message!r}"
        screen = Screen(fds[0])
        self.screens.append(screen)
        return screen

    def close(self) -> None:
        self.listener.close()
        for screen in self.screens:
            screen.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


def receive_fds(connection, size=65536, most=16) -> tuple:
    """One message and the descriptors that came with it."""
    numbers = array.array("i")
    data, ancillary, _flags, _address = connection.recvmsg(
        size, socket.CMSG_LEN(most * numbers.itemsize))
    for level, kind, body in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(body[: len(body) - len(body) % numbers.itemsize])
    return data, list(numbers)
