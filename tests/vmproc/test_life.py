"""The conversation, start, signals, and how it ends."""

import os
import signal
import struct
import time

import pytest

import peer
from peer import COMMIT, END, ERROR, EXIT, HELLO, READY, START, WARNING, eventually

ENDING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
# Neither those that cannot be caught nor those that the shell of this test could not send.
FORWARDED = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP)]


@pytest.mark.parametrize("kind", ["create", "exec"])
@pytest.mark.parametrize("code", [0, 1, 7, 127, 255])
def test_exits_with_the_process_code(spawn, kind, code):
    vmproc = spawn(kind=kind)
    vmproc.running().send(EXIT, 0, {"code": code})
    assert vmproc.wait() == code


@pytest.mark.parametrize("number", [1, 2, 3, 6, 9, 11, 13, 15, 24, 25, 32, 33, 34, 37, 64])
def test_dies_by_the_signal_that_killed_the_process(spawn, number):
    vmproc = spawn()
    vmproc.running().send(EXIT, 0, {"signal": number})
    assert vmproc.wait() == -number


@pytest.mark.parametrize("number", [17, 18, 19, 20, 23, 28])
def test_a_signal_that_kills_nobody_is_a_status(spawn, number):
    vmproc = spawn()
    vmproc.running().send(EXIT, 0, {"signal": number})
    assert vmproc.wait() == 128 + number


def test_requests_are_sent_one_after_the_other(spawn):
    vmproc = spawn()
    guest = vmproc.begin(requests=[{"op": "network", "links": []}, {"op": "create", "id": "x"}])
    assert guest.quiet()  # nothing before the agent's greeting
    guest.send(HELLO, 0, {"protocol": 1})
    number, request = guest.request("network")
    assert request == {"op": "network", "links": []} and guest.quiet()
    guest.answer(number)
    guest.serve("create", pid=3)
    assert vmproc.receive()[:2] == (READY, 3)


def test_a_large_configuration_arrives_whole(spawn):
    config = {"op": "create", "id": "x", "config": {"annotations": {"a": "x" * (6 << 20)}}}
    vmproc = spawn()
    guest = vmproc.begin(requests=[config])
    guest.send(HELLO, 0, {})
    assert guest.serve("create", pid=1) == config
    assert vmproc.receive()[0] == READY


@pytest.mark.parametrize("kind", ["create", "exec"])
def test_the_guests_refusal_is_the_commands_error(spawn, kind):
    vmproc = spawn(kind=kind)
    guest = vmproc.begin()
    guest.send(HELLO, 0, {})
    number, _ = guest.request(kind)
    guest.refuse(number, 2, "process.args[0]: no such program: \x1b[31mx\n", 127)
    assert vmproc.receive() == (ERROR, 2, 127,
                                "process.args[0]: no such program: \\x1b[31mx\\x0a")
    assert vmproc.receive() is None
    assert vmproc.wait() == 127


def test_warnings_reach_the_command(spawn):
    vmproc = spawn()
    guest = vmproc.begin()
    guest.send(HELLO, 0, {})
    guest.serve("create", pid=1, warnings=["caps left out", "two\nlines"])
    assert vmproc.receive()[0::3] == (WARNING, "caps left out")
    assert vmproc.receive()[0::3] == (WARNING, "two\\x0alines")
    assert vmproc.receive()[0] == READY


def test_the_command_killed_before_commit(spawn):
    vmproc = spawn()
    guest = vmproc.created()
    vmproc.sync.close()
    assert vmproc.wait() == 1
    assert guest.recv() is None


def test_the_command_killed_while_the_guest_creates(spawn):
    vmproc = spawn()
    guest = vmproc.begin()
    guest.send(HELLO, 0, {})
    guest.request("create")
    vmproc.sync.close()
    assert vmproc.wait() == 1


def test_committed_it_outlives_the_command(spawn, listener):
    sock, connect = listener
    vmproc = spawn()
    guest = vmproc.created(listen=sock)
    vmproc.send_sync(COMMIT)
    vmproc.sync.close()
    sock.close()
    assert guest.quiet(0.3) and vmproc.process.poll() is None
    conn = connect()
    conn.send(struct.pack("<Iii", START, 0, 0))
    assert guest.serve("start") == {"op": "start", "id": "test"}
    assert peer.receive_sync(conn) is None
    guest.send(EXIT, 0, {"code": 3})
    assert vmproc.wait() == 3


def test_a_start_command_killed_early_is_ignored(spawn, listener):
    sock, connect = listener
    vmproc = spawn()
    guest = vmproc.created(listen=sock)
    vmproc.send_sync(COMMIT)
    for _ in range(3):
        connect().close()
    idle = [connect() for _ in range(2)]
    conn = connect()
    conn.send(struct.pack("<Iii", START, 0, 0))
    guest.serve("start")
    assert peer.receive_sync(conn) is None
    assert peer.receive_sync(idle[0]) is None
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


@pytest.mark.parametrize("committed", [False, True])
def test_a_start_that_fails(spawn, listener, committed):
    sock, connect = listener
    vmproc = spawn()
    guest = vmproc.created(listen=sock)
    conn = vmproc.sync
    if committed:
        vmproc.send_sync(COMMIT)
        conn = connect()
    conn.send(struct.pack("<Iii", START, 0, 0))
    number, _ = guest.request("start")
    guest.refuse(number, 13, "exec: permission denied", 126)
    assert peer.receive_sync(conn) == (ERROR, 13, 126, "exec: permission denied")
    assert peer.receive_sync(conn) is None
    assert vmproc.wait() == 126


def test_a_process_that_ends_before_its_start_is_answered(spawn):
    vmproc = spawn()
    guest = vmproc.created()
    vmproc.send_sync(START)
    number, _ = guest.request("start")
    guest.send(EXIT, 0, {"code": 4})
    assert vmproc.process.poll() is None
    guest.answer(number)
    assert vmproc.receive() is None
    assert vmproc.wait() == 4


def test_a_created_container_that_dies(spawn, listener):
    vmproc = spawn()
    guest = vmproc.created(listen=listener[0])
    vmproc.send_sync(COMMIT)
    guest.send(EXIT, 0, {"signal": 9})
    assert vmproc.wait() == -9


def test_every_signal_is_forwarded(spawn):
    vmproc = spawn()
    guest = vmproc.running()
    for number in FORWARDED:
        os.kill(vmproc.pid, number)
        assert guest.serve("signal") == {"op": "signal", "signal": number}
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


def test_signals_keep_their_order_and_number(spawn):
    vmproc = spawn()
    guest = vmproc.running()
    for _ in range(50):
        os.kill(vmproc.pid, signal.SIGRTMIN + 3)
    for _ in range(50):
        number, request = guest.request("signal")
        assert request["signal"] == signal.SIGRTMIN + 3
        assert guest.quiet(0.01)  # one at a time
        guest.answer(number)
    assert guest.quiet()


def test_a_signal_for_a_process_that_has_just_ended(spawn):
    vmproc = spawn()
    guest = vmproc.running()
    os.kill(vmproc.pid, signal.SIGUSR1)
    number, _ = guest.request("signal")
    guest.refuse(number, 3, "no such process")
    guest.send(EXIT, 0, {"code": 0})
    assert vmproc.wait() == 0


@pytest.mark.parametrize("number", ENDING)
def test_created_it_ends_when_told(spawn, listener, number):
    vmproc = spawn()
    guest = vmproc.created(listen=listener[0])
    vmproc.send_sync(COMMIT)
    os.kill(vmproc.pid, number)
    assert vmproc.wait() == 128 + number
    assert guest.recv() is None


def test_created_it_ignores_other_signals_for_good(spawn, listener):
    sock, connect = listener
    vmproc = spawn()
    guest = vmproc.created(listen=sock)
    vmproc.send_sync(COMMIT)
    for number in FORWARDED:
        if number not in ENDING:
            os.kill(vmproc.pid, number)
    conn = connect()
    conn.send(struct.pack("<Iii", START, 0, 0))
    guest.serve("start")
    assert peer.receive_sync(conn) is None
    guest.expect(peer.EOF, 0)
    assert guest.quiet() and vmproc.process.poll() is None


def test_told_to_end_while_it_starts(spawn):
    vmproc = spawn()
    guest = vmproc.created()
    vmproc.send_sync(START)
    guest.request("start")
    os.kill(vmproc.pid, signal.SIGTERM)
    kind, _, _, text = vmproc.receive()
    assert kind == ERROR and "before its program ran" in text
    assert vmproc.wait() == 128 + signal.SIGTERM


def reason_file(tmp_path) -> int:
    return os.open(tmp_path / "reason", os.O_WRONLY | os.O_CREAT)


@pytest.mark.parametrize("uid", [0, 54321])
def test_the_vm_ends(spawn, tmp_path, uid):
    vmproc = spawn()
    guest = vmproc.running(reason=reason_file(tmp_path), uid=uid)
    guest.send(END, 0, {"reason": "qemu was killed\nby signal 9"})
    assert vmproc.wait() == -signal.SIGKILL
    assert (tmp_path / "reason").read_text() == "qemu was killed\\x0aby signal 9"


def test_a_reason_is_bounded(spawn, tmp_path):
    vmproc = spawn()
    vmproc.running(reason=reason_file(tmp_path)).send(END, 0, {"reason": "x" * 4000})
    assert vmproc.wait() == -signal.SIGKILL
    assert 100 < (tmp_path / "reason").stat().st_size <= 512


def test_the_connection_breaks(spawn, tmp_path):
    vmproc = spawn()
    vmproc.running(reason=reason_file(tmp_path)).sock.close()
    assert vmproc.wait() == -signal.SIGKILL
    assert (tmp_path / "reason").read_text() == "the connection to it ended"


def test_the_vm_ends_while_it_boots(spawn, tmp_path):
    vmproc = spawn()
    guest = vmproc.begin(reason=reason_file(tmp_path))
    guest.send(END, 0, {"reason": "kernel panic"})
    kind, _, _, text = vmproc.receive()
    assert kind == ERROR and text == "the utility VM ended: kernel panic"
    assert vmproc.wait() == -signal.SIGKILL


def test_exit_is_final_whatever_follows(spawn):
    vmproc = spawn()
    guest = vmproc.running()
    guest.sock.sendall(frame(EXIT, 0, b'{"code": 5}') + frame(END, 0, b'{"reason": "over"}'))
    guest.sock.close()
    assert vmproc.wait() == 5


def frame(kind: int, number: int, body=b"", client=0, size=None) -> bytes:
    return struct.pack("<IIII", kind, len(body) if size is None else size, client, number) + body


GARBAGE = {
    "unknown type": frame(99, 0),
    "zero type": b"\0" * 64,
    "ones": b"\xff" * 64,
    "huge": frame(peer.RESPONSE, 1, b"", size=0xFFFFFFFF),
    "too large data": frame(peer.DATA, 1, b"", size=1 << 20),
    "empty data": frame(peer.DATA, 1),
    "data to stdin": frame(peer.DATA, 0, b"x"),
    "data to stream 3": frame(peer.DATA, 3, b"x"),
    "eof twice": frame(peer.EOF, 1) + frame(peer.EOF, 1),
    "data after eof": frame(peer.EOF, 1) + frame(peer.DATA, 1, b"x"),
    "more than granted": frame(peer.DATA, 1, b"x" * peer.DATA_MAX) * 5,
    "grant overflow": frame(peer.WINDOW_GRANT, 0, b"\xff\xff\xff\xff"),
    "grant of stdout": frame(peer.WINDOW_GRANT, 1, b"\1\0\0\0"),
    "short grant": frame(peer.WINDOW_GRANT, 0, b"\1"),
    "other client": frame(peer.DATA, 1, b"x", client=7),
    "answer to nothing": frame(peer.RESPONSE, 77, b'{"result": {}}'),
    "answer to 0": frame(peer.RESPONSE, 0, b'{"result": {}}'),
    "second hello": frame(HELLO, 0, b"{}"),
    "event": frame(peer.EVENT, 0, b"{}"),
    "gone": frame(peer.GONE, 0),
    "request": frame(peer.REQUEST, 1, b"{}"),
    "exit without body": frame(EXIT, 0),
    "exit that is no JSON": frame(EXIT, 0, b"{"),
    "exit with both": frame(EXIT, 0, b'{"code": 1, "signal": 2}'),
    "exit out of range": frame(EXIT, 0, b'{"code": 256}'),
    "signal 0": frame(EXIT, 0, b'{"signal": 0}'),
    "signal 65": frame(EXIT, 0, b'{"signal": 65}'),
    "code is text": frame(EXIT, 0, b'{"code": "0"}'),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_a_guest_that_breaks_the_protocol_is_the_end(spawn, tmp_path, what):
    pipe = os.pipe()  # of a reader that does not read, full
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], b"x" * 65536)
    vmproc = spawn(stdout=pipe[1])
    guest = vmproc.running(reason=reason_file(tmp_path))
    guest.sock.sendall(GARBAGE[what])
    assert vmproc.wait() == -signal.SIGKILL
    assert (tmp_path / "reason").read_text().startswith("the utility VM broke the protocol: ")
    for fd in pipe:
        os.close(fd)


@pytest.mark.parametrize("when", ["before hello", "at create", "at start"])
def test_garbage_instead_of_an_answer(spawn, when):
    vmproc = spawn()
    guest = vmproc.begin()
    if when != "before hello":
        guest.send(HELLO, 0, {})
        number, _ = guest.request("create")
    if when == "before hello":
        guest.send(EXIT, 0, {"code": 0})
    elif when == "at create":
        guest.send(peer.RESPONSE, number, b"[[[")
    else:
        guest.answer(number, pid=1)
        assert vmproc.receive()[0] == READY
        vmproc.send_sync(START)
        number, _ = guest.request("start")
        guest.send(peer.RESPONSE, number, b'{"neither": 1}')
    kind, _, _, text = vmproc.receive()
    assert kind == ERROR and text.startswith("the utility VM")
    assert vmproc.wait() in (1, -signal.SIGKILL)


def test_it_has_nothing_left_to_abuse(spawn, program):
    vmproc = spawn()
    vmproc.running(uid=54321)
    eventually(lambda: vmproc.status("NoNewPrivs") == "1")
    assert vmproc.status("Uid").split() == ["54321"] * 4
    assert vmproc.status("Gid").split() == ["54321"] * 4
    assert vmproc.status("Groups") == ""
    for kind in "CapInh", "CapPrm", "CapEff", "CapAmb":
        assert int(vmproc.status(kind), 16) == 0
    if not peer.is_sanitized(program):
        assert vmproc.status("Seccomp") == "2"
        assert vmproc.memory() <= 1024
    assert os.getsid(vmproc.pid) == vmproc.pid
    # /dev/null for stdio, and as the process's output; the connection; the signals.
    links = [os.readlink(f"/proc/{vmproc.pid}/fd/{n}")
             for n in os.listdir(f"/proc/{vmproc.pid}/fd")]
    assert sorted(link.partition(":")[0] for link in links) == \
        ["/dev/null"] * 5 + ["anon_inode", "socket"]


def test_it_does_not_spin(spawn, listener):
    vmproc = spawn()
    guest = vmproc.created(listen=listener[0])
    vmproc.send_sync(COMMIT)
    busy_before = time.process_time(), cpu_ticks(vmproc.pid)
    assert guest.quiet(0.5)
    assert cpu_ticks(vmproc.pid) - busy_before[1] <= 2


def cpu_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_not_for_people(program):
    import subprocess
    done = subprocess.run([program], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and b"runhcs" in done.stderr


@pytest.mark.parametrize("kind", ["create", "exec"])
@pytest.mark.parametrize("greets", [True, False])
def test_a_guest_that_never_answers(spawn, kind, greets):
    """In the VM of another, which goes on: only this one ends, and says why."""
    vmproc = spawn(kind=kind)
    guest = vmproc.begin(create_ms=300)
    if greets:
        guest.send(HELLO, 0, {"protocol": 1})
        guest.request(kind)
    assert vmproc.receive()[0::3] == (ERROR, "the utility VM: its agent does not answer")
    assert vmproc.wait() == -signal.SIGKILL
