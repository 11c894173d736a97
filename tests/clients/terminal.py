"""A command on a pseudo-terminal, as a person would sit in front of it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, argv, env, rows, columns):
        self._master, slave = pty.openpty()
        self.seen = ""
        self._at = 0
        self.resize(rows, columns)
        self._slave_name = os.ttyname(slave)
        self._before = termios.tcgetattr(slave)

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            argv, cwd="/", env=env, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=take_terminal,
        )
        # Kept open: the settings that are left behind can be looked at afterwards.
        self._slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._slave)
        os.close(self._master)

    def send(self, text):
        os.write(self._master, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, seconds):
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            self.seen += os.read(self._master, 65536).decode(errors="replace")

    def expect(self, pattern, timeout=20):
        """Read until `pattern` appears in what was not matched before; return the match."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.compile(pattern, re.M).search(self.seen, self._at)
            if match:
                self._at = match.end()
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {pattern!r} in {timeout} s; the terminal shows\n"
                                     f"{self.seen}")
            self._read(min(left, 0.2))

    def wait(self, timeout=30):
        """Read until the command ends; return its exit status."""
        deadline = time.monotonic() + timeout
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {timeout} s; the terminal shows\n"
                                     f"{self.seen}")
            self._read(0.05)
        self._read(0)
        return self._process.returncode

    def restored(self):
        """Whether the settings of the terminal are those it had at first."""
        return termios.tcgetattr(self._slave) == self._before
