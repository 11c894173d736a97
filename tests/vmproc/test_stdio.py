"""The process's stdio, whatever the caller made it of."""

import fcntl
import hashlib
import os
import pty
import select
import signal
import socket
import struct
import threading
import time
import tty

import pytest

import peer
from peer import DATA, DATA_MAX, EOF, EXIT, STOP, WINDOW, WINDOW_GRANT, eventually

LARGE = int(os.environ.get("HCS_STDIO_BYTES", 1 << 30))


def read_all(fd: int) -> bytes:
    data = b""
    while chunk := os.read(fd, 1 << 16):
        data += chunk
    return data


class Ends:
    """One of each kind of descriptor: theirs for vmproc, ours for the test."""

    def __init__(self, kind: str, tmp_path):
        self.kind = kind
        if kind == "pipe":
            self.stdin, self.write_in = os.pipe()
            self.read_out, self.stdout = os.pipe()
        elif kind == "fifo":
            for name in "in", "out":
                os.mkfifo(tmp_path / name)
            self.stdin = os.open(tmp_path / "in", os.O_RDWR)
            self.write_in = os.open(tmp_path / "in", os.O_WRONLY)
            self.read_out = os.open(tmp_path / "out", os.O_RDONLY | os.O_NONBLOCK)
            os.set_blocking(self.read_out, True)
            self.stdout = os.open(tmp_path / "out", os.O_WRONLY)
        elif kind == "socket":
            ours, theirs = socket.socketpair()
            self.write_in = self.read_out = ours.detach()
            self.stdin = self.stdout = theirs.detach()
        elif kind in ("tty", "master"):
            ours, theirs = pty.openpty()
            tty.setraw(theirs)
            if kind == "master":
                ours, theirs = theirs, ours
            self.write_in = self.read_out = ours
            self.stdin = self.stdout = theirs

    def flags(self) -> tuple:
        return fcntl.fcntl(self.stdin, fcntl.F_GETFL), fcntl.fcntl(self.stdout, fcntl.F_GETFL)


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket", "tty", "master"])
def test_bytes_both_ways_and_the_callers_descriptors_stay_as_they_are(spawn, tmp_path, kind):
    ends = Ends(kind, tmp_path)
    before = ends.flags()
    vmproc = spawn(stdin=ends.stdin, stdout=ends.stdout)
    guest = vmproc.running()
    os.write(ends.write_in, b"hello\0\xff\n")
    assert guest.stream_in(length=8) == b"hello\0\xff\n"
    assert ends.flags() == before
    output = os.urandom(3000)
    guest.write(1, output)
    got = b""
    while len(got) < len(output):
        got += os.read(ends.read_out, 65536)
    assert got == output
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0
    assert ends.flags() == before


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_end_of_input(spawn, tmp_path, kind):
    ends = Ends(kind, tmp_path)
    vmproc = spawn(stdin=ends.stdin)
    guest = vmproc.running()
    os.close(ends.stdin)
    os.write(ends.write_in, b"x" * 100)
    os.close(ends.write_in)
    assert guest.stream_in() == b"x" * 100
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


def test_stdin_is_not_read_before_start(spawn):
    r, w = os.pipe()
    os.write(w, b"for the program")
    vmproc = spawn(stdin=r)
    guest = vmproc.created()
    assert guest.quiet()
    assert select.select([r], [], [], 0)[0]
    vmproc.sync.close()
    vmproc.wait()
    assert os.read(r, 100) == b"for the program"


def test_stderr_is_its_own_stream(spawn):
    out, err = os.pipe(), os.pipe()
    vmproc = spawn(stdout=out[1], stderr=err[1])
    os.close(out[1])
    os.close(err[1])
    guest = vmproc.running()
    guest.write(2, b"to stderr")
    guest.write(1, b"to stdout")
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0
    assert read_all(out[0]) == b"to stdout" and read_all(err[0]) == b"to stderr"


def test_closed_output_is_closed_for_the_reader(spawn):
    out = os.pipe()
    vmproc = spawn(stdout=out[1])
    os.close(out[1])
    guest = vmproc.running()
    guest.write(1, b"all")
    guest.send(EOF, 1)
    assert read_all(out[0]) == b"all"
    assert vmproc.process.poll() is None


def test_files_share_offset_and_append(spawn, tmp_path):
    (tmp_path / "in").write_bytes(b"skipped" + b"y" * 100000)
    stdin = os.open(tmp_path / "in", os.O_RDONLY)
    os.lseek(stdin, 7, os.SEEK_SET)
    out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    os.write(out, b"before;")
    append = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    flags = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (stdin, out, append)]
    vmproc = spawn(stdin=stdin, stdout=out, stderr=append)
    guest = vmproc.running()
    assert guest.stream_in() == b"y" * 100000
    assert os.lseek(stdin, 0, os.SEEK_CUR) == 100007
    guest.write(1, b"during;")
    eventually(lambda: (tmp_path / "out").read_bytes() == b"before;during;")
    os.write(out, b"after")
    (tmp_path / "log").write_bytes(b"another's;")
    guest.write(2, b"appended")
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0
    assert (tmp_path / "out").read_bytes() == b"before;during;after"
    assert (tmp_path / "log").read_bytes() == b"another's;appended"
    assert flags == [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (stdin, out, append)]


def test_descriptors_that_were_closed(spawn):
    vmproc = spawn(before=lambda: [os.close(fd) for fd in (0, 1, 2)])
    guest = vmproc.running()  # with the end of input
    guest.write(1, b"x" * 100000)
    assert guest.expect(WINDOW_GRANT, 1)
    guest.send(EXIT, 0, {"code": 9})
    assert vmproc.wait() == 9


def test_dev_null_drains(spawn):
    vmproc = spawn()
    guest = vmproc.running()
    for _ in range(40):
        guest.write(1, b"x" * (WINDOW // 2))
        assert guest.expect(WINDOW_GRANT, 1)
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


@pytest.mark.parametrize("kind", ["pipe", "socket", "tty"])
def test_a_reader_that_has_gone_stops_the_writer(spawn, tmp_path, kind):
    ends = Ends(kind, tmp_path)
    vmproc = spawn(stdout=ends.stdout)
    os.close(ends.stdout)
    guest = vmproc.running()
    os.close(ends.read_out)
    guest.write(1, b"x" * 10)
    guest.expect(STOP, 1)
    guest.write(1, b"x" * 1000)  # was under way
    assert guest.quiet()  # no signal of our own is forwarded
    guest.send(EXIT, 0, {"signal": 13})
    assert vmproc.wait() == -signal.SIGPIPE


def test_input_that_nobody_wants_is_refused_to_its_writer(spawn):
    r, w = os.pipe()
    vmproc = spawn(stdin=r)
    os.close(r)
    guest = vmproc.running()
    guest.send(STOP, 0)
    poll = select.poll()
    poll.register(w, 0)
    eventually(lambda: poll.poll(0))
    with pytest.raises(BrokenPipeError):
        os.write(w, b"x")
    assert guest.quiet()


@pytest.mark.parametrize("kind", ["pipe", "socket", "tty"])
def test_a_slow_reader_holds_the_writer_not_the_memory(spawn, tmp_path, kind):
    ends = Ends(kind, tmp_path)
    vmproc = spawn(stdout=ends.stdout)
    os.close(ends.stdout)
    guest = vmproc.running()
    sent, granted = 0, WINDOW
    data = os.urandom(DATA_MAX)
    while True:  # as long as it grants more
        while granted - sent >= DATA_MAX:
            guest.send(DATA, 1, data)
            sent += DATA_MAX
        if guest.quiet(0.5):
            break
        granted += struct.unpack("<I", guest.expect(WINDOW_GRANT, 1))[0]
    assert sent < 2 << 20
    assert vmproc.memory() < 1500
    os.kill(vmproc.pid, signal.SIGUSR1)  # nothing else stands still
    assert guest.serve("signal")["signal"] == signal.SIGUSR1
    guest.send(EXIT, 0, {"code": 5})
    time.sleep(0.3)
    assert vmproc.process.poll() is None  # the last of it is not dropped
    expected, got = data * (sent // DATA_MAX), b""
    while len(got) < len(expected):
        got += os.read(ends.read_out, 65536)
    assert got == expected
    assert vmproc.wait() == 5


def test_the_reader_goes_while_the_last_output_waits(spawn):
    out = os.pipe()
    vmproc = spawn(stdout=out[1])
    os.close(out[1])
    guest = vmproc.running()
    guest.write(1, b"x" * 100000)
    guest.send(EXIT, 0, {"code": 5})
    with pytest.raises(Exception):
        vmproc.wait(0.3)
    os.close(out[0])
    assert vmproc.wait() == 5


def test_output_before_the_vm_is_lost(spawn):
    out = os.pipe()
    vmproc = spawn(stdout=out[1])
    os.close(out[1])
    guest = vmproc.running()
    guest.write(1, b"x" * 100000)
    guest.sock.close()
    assert read_all(out[0]) == b"x" * 100000
    assert vmproc.wait() == -signal.SIGKILL


def test_a_writer_without_credit_waits(spawn):
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(w, b"x" * (1 << 20))
    vmproc = spawn(stdin=r)
    os.close(r)
    guest = vmproc.running()
    got = 0
    while not guest.quiet(0.3):
        got += len(guest.expect(DATA, 0))
    assert got == WINDOW
    guest.send(WINDOW_GRANT, 0, struct.pack("<I", 1000))
    assert len(guest.expect(DATA, 0)) == 1000


@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_large_output_is_exact(spawn, tmp_path, kind):
    if kind == "file":
        fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
        size = min(LARGE, 256 << 20)
    else:
        ends = Ends(kind, tmp_path)
        fd, size = ends.stdout, LARGE if kind == "pipe" else min(LARGE, 256 << 20)
    block = os.urandom(1 << 20)
    expected, peak = hashlib.sha1(), 0
    vmproc = spawn(stdout=fd)
    if kind != "file":
        os.close(fd)
    guest = vmproc.running()
    result = hashlib.sha1()

    def read():
        while chunk := os.read(ends.read_out, 1 << 18):
            result.update(chunk)

    reader = threading.Thread(target=read) if kind != "file" else None
    if reader:
        reader.start()
    sent, granted, begun = 0, WINDOW, time.monotonic()
    while sent < size:
        while granted - sent < DATA_MAX:
            granted += struct.unpack("<I", guest.expect(WINDOW_GRANT, 1))[0]
        at = sent % (len(block) - DATA_MAX)
        chunk = block[at:at + min(DATA_MAX, size - sent)]
        expected.update(chunk)
        guest.send(DATA, 1, chunk)
        sent += len(chunk)
        if sent % (1 << 24) < DATA_MAX:
            peak = max(peak, vmproc.memory())
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait(60) == 0
    if reader:
        reader.join()
    else:
        os.lseek(fd, 0, os.SEEK_SET)
        while chunk := os.read(fd, 1 << 20):
            result.update(chunk)
    print(f"{kind}: {size / (time.monotonic() - begun) / 1e6:.0f} MB/s, {peak} KiB")
    assert result.hexdigest() == expected.hexdigest()
    assert peak < 2048


def test_large_input_is_exact(spawn):
    r, w = os.pipe()
    size = min(LARGE, 256 << 20)
    block = os.urandom(1 << 20)
    expected, result = hashlib.sha1(), hashlib.sha1()
    vmproc = spawn(stdin=r)
    os.close(r)
    guest = vmproc.running()

    def write():
        for _ in range(size >> 20):
            os.write(w, block)
            expected.update(block)
        os.close(w)

    writer = threading.Thread(target=write)
    writer.start()
    while (frame := guest.recv())[0] == DATA:
        result.update(frame[2])
        guest.send(WINDOW_GRANT, 0, struct.pack("<I", len(frame[2])))
    assert frame[0] == EOF
    writer.join()
    assert result.hexdigest() == expected.hexdigest()


def test_a_flood_does_not_grow_it(spawn):
    """The guest sends what it may, for ever, and reads nothing."""
    vmproc = spawn()
    guest = vmproc.running()
    grant = b"".join(struct.pack("<IIIII", WINDOW_GRANT, 4, 0, 0, 0) for _ in range(2000))
    end = time.monotonic() + 2
    while time.monotonic() < end:
        guest.sock.sendall(grant)
    assert vmproc.memory() < 1500
    os.kill(vmproc.pid, signal.SIGUSR1)
    assert guest.serve("signal")["signal"] == signal.SIGUSR1
