"""A process with a terminal."""

import array
import fcntl
import os
import select
import signal
import socket
import struct
import termios

import pytest

from peer import EXIT, STOP, TIMEOUT, COMMIT, START


@pytest.fixture
def console():
    ours, theirs = socket.socketpair()
    ours.settimeout(TIMEOUT)
    yield ours, theirs
    ours.close()
    theirs.close()


def take_master(sock: socket.socket) -> int:
    name, control, _, _ = sock.recvmsg(64, 64)
    assert name == b"/dev/ptmx\0"
    return array.array("i", control[0][2])[0]


def resize(master: int, rows: int, columns: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def size_of(master: int) -> tuple:
    return struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2]


def read_some(fd: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        assert select.select([fd], [], [], TIMEOUT)[0]
        data += os.read(fd, length - len(data))
    return data


@pytest.fixture
def terminal(spawn, console):
    ours, theirs = console
    vmproc = spawn()
    guest = vmproc.created(console=theirs, rows=24, columns=80)
    assert guest.serve("resize") == {"op": "resize", "width": 80, "height": 24}
    vmproc.send_sync(START)
    guest.serve("start")
    assert vmproc.receive() is None
    return vmproc, guest, take_master(ours)


def test_bytes_pass_untouched(terminal):
    vmproc, guest, master = terminal
    every = bytes(range(256))
    os.write(master, every)
    assert guest.stream_in(length=256) == every
    guest.write(1, every + b"\n\r\n")
    assert read_some(master, 259) == every + b"\n\r\n"
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0
    os.close(master)


def test_much_output(terminal):
    vmproc, guest, master = terminal
    data = os.urandom(100000)
    guest.write(1, data)
    guest.send(EXIT, 0, {"code": 0})
    assert read_some(master, len(data)) == data
    assert vmproc.wait() == 0


def test_its_size_from_the_beginning_and_later(terminal):
    _, guest, master = terminal
    assert size_of(master) == (24, 80)
    assert guest.quiet()
    resize(master, 50, 132)
    assert guest.serve("resize") == {"op": "resize", "width": 132, "height": 50}
    resize(master, 50, 132)
    assert guest.quiet()
    resize(master, 10, 20)
    number, _ = guest.request("resize")
    for rows in range(11, 30):
        resize(master, rows, 20)
    assert guest.quiet()  # one at a time
    guest.answer(number)
    assert guest.serve("resize")["height"] == 29
    assert guest.quiet()


def test_a_size_set_before_the_process_is_there(spawn, console):
    ours, theirs = console
    vmproc = spawn()
    guest = vmproc.begin(console=theirs)
    master = take_master(ours)
    resize(master, 33, 44)
    guest.send(1, 0, {})
    guest.serve("create", pid=1)
    assert guest.serve("resize") == {"op": "resize", "width": 44, "height": 33}
    resize(master, 55, 66)  # created, not started
    assert guest.serve("resize") == {"op": "resize", "width": 66, "height": 55}
    os.close(master)


def test_a_size_set_just_before_start_is_there_when_the_program_runs(spawn, console):
    ours, theirs = console
    vmproc = spawn()
    guest = vmproc.created(console=theirs)
    master = take_master(ours)
    resize(master, 33, 44)
    vmproc.send_sync(START)
    number, request = guest.request("resize")
    assert (request["height"], request["width"]) == (33, 44)
    assert guest.quiet()
    guest.answer(number)
    guest.serve("start")
    assert vmproc.receive() is None
    os.close(master)


def test_the_size_of_an_execs_terminal(spawn, console):
    vmproc = spawn(kind="exec")
    guest = vmproc.running(console=console[1], rows=24, columns=80)
    assert guest.serve("resize") == {"op": "resize", "width": 80, "height": 24}


def test_hanging_up(terminal):
    vmproc, guest, master = terminal
    os.close(master)
    assert guest.serve("hangup") == {"op": "hangup"}
    assert guest.quiet()  # neither an end of input nor SIGHUP
    guest.write(1, b"too late")
    guest.expect(STOP, 1)
    guest.send(EXIT, 0, {"signal": 1})
    assert vmproc.wait() == -signal.SIGHUP


def test_hanging_up_with_output_waiting(terminal):
    vmproc, guest, master = terminal
    guest.write(1, b"x" * 100000)
    os.close(master)
    frames = sorted(guest.recv()[:2] for _ in range(2))
    assert frames[1] == (STOP, 1) and frames[0][0] == 2
    guest.send(EXIT, 0, {"code": 1})
    assert vmproc.wait() == 1


def test_a_created_container_ends_with_its_terminal(spawn, console, listener):
    ours, theirs = console
    vmproc = spawn()
    vmproc.created(console=theirs, listen=listener[0])
    vmproc.send_sync(COMMIT)
    os.close(take_master(ours))
    assert vmproc.wait() == 128 + signal.SIGHUP


def test_signals_of_people_are_forwarded_all_the_same(terminal):
    vmproc, guest, _ = terminal
    for number in signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP:
        os.kill(vmproc.pid, number)
        assert guest.serve("signal")["signal"] == number


def test_typing_faster_than_the_guest_reads(terminal):
    vmproc, guest, master = terminal
    os.set_blocking(master, False)
    sent = 0
    data = os.urandom(1024)
    while True:
        if not select.select([], [master], [], 0.3)[1]:
            break
        sent += os.write(master, data)
        assert sent < 1 << 20
    assert guest.stream_in(length=sent - 1)[:1024] == data[:1024]
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


def test_its_own_stdio_is_let_go(spawn, console):
    """conmon, for one, waits for the end of pipes that it gave."""
    ours, theirs = console
    out = os.pipe()
    vmproc = spawn(stdout=out[1], stderr=out[1])
    os.close(out[1])
    vmproc.running(console=theirs)
    assert select.select([out[0]], [], [], TIMEOUT)[0] and os.read(out[0], 1) == b""
    os.close(out[0])
    take_master(ours)


def test_no_receiver_for_the_terminal(spawn, console):
    ours, theirs = console
    ours.close()
    vmproc = spawn()
    vmproc.begin(console=theirs)
    kind, _, _, text = vmproc.receive()
    assert kind == 9 and "console socket" in text
    assert vmproc.wait() == 1


def test_it_is_the_controlling_terminal(terminal):
    vmproc, _, master = terminal
    with open(f"/proc/{vmproc.pid}/stat", encoding="ascii") as f:
        number = int(f.read().rpartition(")")[2].split()[4])
    slave = os.minor(number) | os.major(number) - 136 << 20
    assert slave == struct.unpack("i", fcntl.ioctl(master, 0x80045430, b"\0" * 4))[0]
