"""The agent over its wire, without a VM: what vmproc and the commands rely on."""

import errno
import hashlib
import json
import os
import random
import signal
import struct
import time

import pytest

import wire
from wire import Refused


def test_hello(ungreeted):
    hello = ungreeted.link.greet()
    assert hello == {"protocol": 1, "minimum": 1, "kernel": os.uname().release}


def test_create_start_exit(guest):
    c = guest.create("sh", "-c", "echo out; echo err >&2; exit 7")
    assert guest.alive(c.pid)
    assert c.exit is None and not c.output[1]
    assert c.call("start", id=c.id) == {}
    assert c.wait_exit() == {"code": 7}
    assert bytes(c.output[1]) == b"out\n"
    assert bytes(c.output[2]) == b"err\n"
    assert c.eof == {1, 2}
    assert c.after_exit == 0
    assert c.call("delete", id=c.id) == {}
    with pytest.raises(Refused) as refused:
        c.call("start", id=c.id)
    assert refused.value.code == errno.ENOENT


@pytest.mark.parametrize("fields,says", [
    ({"scratch": 1}, "scratch"), ({"scratch": ""}, "scratch"), ({"scratch": "x" * 21}, "1 to 20 characters"),
    ({"scratch": "no-such-disk"}, "no-such-disk"), ({"scratch": "../../etc"}, "no disk"),
    ({"layers": {"disk": "d", "sizes": [4096]}}, "scratch")])
def test_disks_that_are_not_there(guest, fields, says):
    c = guest.link.connect()
    cid = guest.new_id()
    with pytest.raises(Refused) as refused:
        c.call("create", id=cid, config=guest.spec("true"), **fields)
    assert says in refused.value.message
    # nothing of it is in the way
    c.call("create", id=cid, config=guest.spec("true"))


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGRTMIN + 3])
def test_exit_by_signal(guest, sig):
    c = guest.run("sleep", "1000")
    exec_ = guest.exec(c, "sleep", "1000")
    assert exec_.call("signal", signal=sig) == {}
    assert exec_.wait_exit() == {"signal": sig}
    # init takes only what it cannot refuse
    c.call("signal", signal=signal.SIGKILL)
    assert c.wait_exit() == {"signal": signal.SIGKILL}
    with pytest.raises(Refused) as refused:
        c.call("signal", signal=signal.SIGTERM)
    assert refused.value.code == errno.ESRCH and "not running" in refused.value.message


def test_error_is_the_engines_own(guest):
    c = guest.link.connect()
    cid = guest.new_id()
    with pytest.raises(Refused) as refused:
        c.call("create", id=cid, config=guest.spec("no-such-program"))
    assert refused.value.status == 127
    assert "no-such-program" in refused.value.message
    # the connection may try again, and nothing of the first try is in the way
    c.call("create", id=cid, config=guest.spec("true"))
    c.call("start", id=cid)
    assert c.wait_exit() == {"code": 0}


def test_large_integers_survive(guest):
    spec = guest.spec("sh", "-c", "ulimit -f")
    spec["process"]["rlimits"] = [{"type": "RLIMIT_FSIZE", "soft": 2**64 - 1, "hard": 2**64 - 1}]
    c = guest.link.connect()
    cid = guest.new_id()
    c.call("create", id=cid, config=spec)
    c.call("start", id=cid)
    assert c.wait_exit() == {"code": 0}
    assert bytes(c.output[1]) == b"unlimited\n"


def test_stdin_to_stdout(guest):
    data = random.Random(1).randbytes(3 << 20)
    c = guest.run("cat")
    c.write(data)
    c.close_stdin()
    assert c.wait_exit() == {"code": 0}
    assert bytes(c.output[1]) == data


def test_stdin_before_start(guest):
    c = guest.create("cat")
    c.write(b"early")
    c.close_stdin()
    c.call("start", id=c.id)
    c.wait_exit()
    assert bytes(c.output[1]) == b"early"


def test_100_mb_byte_exact(guest):
    """Both directions at once; the agent keeps no more than windows of it."""
    block = random.Random(2).randbytes(1 << 20)
    sent, got = hashlib.sha256(), hashlib.sha256()
    c = guest.link.connect()
    c.sink[1] = got.update
    cid = guest.new_id()
    c.call("create", id=cid, config=guest.spec("cat"))
    c.call("start", id=cid)
    for _ in range(100):
        c.write(block)
        sent.update(block)
    c.close_stdin()
    assert c.wait_exit() == {"code": 0}
    assert c.received[1] == 100 << 20
    assert got.digest() == sent.digest()
    peak = int(next(line for line in open(f"/proc/{guest.pid}/status")
                    if line.startswith("VmHWM")).split()[1])
    if "HCS_AGENT" not in os.environ:  # sanitizers keep more
        assert peak < 12 << 10


def test_reader_that_does_not_read(guest):
    """The writer stops after what the pipe and the window hold; others go on."""
    c = guest.run("sh", "-c", "yes", hold=True)
    guest.link.wait(lambda: c.received[1] == wire.WINDOW_SIZE, what="a full window")
    other = guest.exec(c, "echo", "still served")
    other.wait_exit()
    assert bytes(other.output[1]) == b"still served\n"
    assert c.received[1] == wire.WINDOW_SIZE
    c.release()
    guest.link.wait(lambda: c.received[1] > 4 * wire.WINDOW_SIZE, what="more")
    c.gone()
    guest.wait_dead(c.pid)


def test_stop_reaches_the_writer(guest):
    c = guest.run("sh", "-c", "yes; echo $? >&2", hold=True)
    guest.link.wait(lambda: c.received[1], what="output")
    c.stop(1)
    c.wait_exit()
    assert bytes(c.output[2]).endswith(b"141\n")  # SIGPIPE, as a shell has it
    assert 1 not in c.eof


def test_stop_from_a_reader_that_closed(guest):
    c = guest.run("sh", "-c", "exec <&-; echo closed; sleep 1000")
    c.wait_output(b"closed")
    c.write(b"x")
    guest.link.wait(lambda: 0 in c.stopped, what="STOP")


def test_output_of_grandchildren_does_not_hold_exit(guest):
    c = guest.run("sleep", "1000")
    exec_ = guest.exec(c, "sh", "-c", "sleep 1000 & head -c 100000 /dev/zero")
    assert exec_.wait_exit() == {"code": 0}
    assert len(exec_.output[1]) == 100000
    assert exec_.after_exit == 0


def test_exec(guest):
    c = guest.run("sleep", "1000")
    exec_ = guest.exec(c, "sh", "-c", "cat; exit 3")
    exec_.write(b"to exec")
    exec_.close_stdin()
    assert exec_.wait_exit() == {"code": 3}
    assert bytes(exec_.output[1]) == b"to exec"
    with pytest.raises(Refused) as refused:
        guest.exec(c, "no-such-program")
    assert refused.value.status == 127
    with pytest.raises(Refused) as refused:
        exec_.call("exec", id=c.id, process=guest.process("true"))
    assert refused.value.code == errno.EBUSY
    assert guest.alive(c.pid)


def test_stdio_can_be_opened_again_by_its_user(guest):
    c = guest.run("sleep", "1000")
    process = guest.process("sh", "-c", "echo a >/dev/stdout; echo b >/proc/self/fd/2; cat /dev/stdin")
    process["user"] = {"uid": 1000, "gid": 1000}
    exec_ = guest.link.connect()
    exec_.call("exec", id=c.id, process=process)
    exec_.write(b"c")
    exec_.close_stdin()
    assert exec_.wait_exit() == {"code": 0}
    assert (bytes(exec_.output[1]), bytes(exec_.output[2])) == (b"a\nc", b"b\n")


def test_terminal(guest):
    c = guest.create("sh", "-c", "tty; stty size; read x; stty size; echo got $x", terminal=True)
    assert c.call("resize", width=100, height=40) == {}
    c.call("start", id=c.id)
    c.wait_output(b"40 100\r\n")
    assert bytes(c.output[1]).startswith(b"/dev/pts/0\r\n")
    c.call("resize", width=132, height=43)
    c.write(b"hello\n")
    assert c.wait_exit() == {"code": 0}
    assert b"43 132\r\n" in c.output[1] and b"got hello\r\n" in c.output[1]
    assert not c.output[2]


def test_terminal_of_exec_and_hangup(guest):
    c = guest.run("sleep", "1000")
    exec_ = guest.exec(c, "sh", "-c", "echo ready; read x", terminal=True)
    exec_.wait_output(b"ready")
    exec_.write(b"\x03")  # the line discipline is in the guest
    assert exec_.wait_exit() == {"signal": signal.SIGINT}
    exec_ = guest.exec(c, "sh", "-c", "echo ready; exec sleep 1000", terminal=True)
    exec_.wait_output(b"ready")
    assert exec_.call("hangup") == {}
    assert exec_.wait_exit() == {"signal": signal.SIGHUP}
    with pytest.raises(Refused):
        c.call("resize", width=1, height=1)


def test_input_typed_before_the_terminal(guest):
    c = guest.link.connect()
    cid = guest.new_id()
    number = c.post("create", id=cid, config=guest.spec("sh", "-c", "read x; echo got $x",
                                                       terminal=True))
    c.write(b"early\n")
    c.answer(number)
    c.call("start", id=cid)
    assert c.wait_exit() == {"code": 0}
    assert b"got early" in c.output[1]


def test_gone_ends_the_container(guest):
    c = guest.run("sh", "-c", "sleep 1000 & wait")
    exec_ = guest.exec(c, "sleep", "1000")
    c.gone()
    guest.wait_dead(c.pid)
    guest.wait_dead(exec_.pid)
    assert exec_.wait_exit() == {"signal": signal.SIGKILL}
    # What is left of it is removed, and its id is free again.
    guest.link.wait(lambda: not guest.children(),
                    what="clean up", outside=True)
    fresh = guest.link.connect()
    with pytest.raises(Refused):
        fresh.call("pids", id=c.id)
    fresh.call("create", id=c.id, config=guest.spec("true"))


def test_an_id_used_again_is_not_the_old_connections(guest):
    c = guest.run("true")
    c.wait_exit()
    other = guest.link.connect()
    other.call("delete", id=c.id)
    other.call("create", id=c.id, config=guest.spec("sleep", "1000"))
    other.call("start", id=c.id)
    c.gone()
    last = guest.exec(c, "sleep", "0.2")
    assert last.wait_exit() == {"code": 0}
    assert other.exit is None and other.call("pids", id=c.id)["pids"]


def test_gone_ends_an_exec_only(guest):
    c = guest.run("sleep", "1000")
    exec_ = guest.exec(c, "sleep", "1000")
    exec_.gone()
    guest.wait_dead(exec_.pid)
    assert guest.alive(c.pid)


@pytest.mark.parametrize("op", ["create", "exec"])
def test_gone_while_at_work(guest, op):
    """At any moment of the making: nothing is left."""
    c = guest.run("sleep", "1000")
    for i in range(25):
        connection = guest.link.connect()
        if op == "create":
            connection.post("create", id=guest.new_id(), config=guest.spec("sleep", "999"))
        else:
            connection.post("exec", id=c.id, process=guest.process("sleep", "999"))
        end = time.monotonic() + i * 0.002
        while (left := end - time.monotonic()) > 0:
            guest.link.turn(left)
        connection.gone()
    guest.link.wait(lambda: guest.children() == [c.pid],
                    what="end of the leftovers", outside=True)
    assert len(c.call("pids", id=c.id)["pids"]) == 1


def test_pause_resume_pids_update_stats(guest):
    c = guest.run("sleep", "1000")
    assert c.call("pids", id=c.id) == {"pids": [c.pid]}
    assert c.call("pause", id=c.id) == {}
    with pytest.raises(Refused) as refused:
        guest.exec(c, "true")
    assert "paused" in refused.value.message
    assert c.call("resume", id=c.id) == {}
    c.call("update", id=c.id, resources={"pids": {"limit": 77}})
    stats = c.call("stats", id=c.id)["stats"]
    assert stats["pids_limit"] == 77
    with pytest.raises(Refused) as refused:
        c.call("update", id=c.id, resources={"pids": {"limit": "many"}})
    assert "pids.limit" in refused.value.message


def test_processes(guest):
    import base64
    c = guest.run("sh", "-c", "sleep 1000 & exec sleep 999")
    guest.link.wait(lambda: len(c.call("pids", id=c.id)["pids"]) == 2, what="two processes")
    answer = c.call("processes", id=c.id)
    assert not answer["more"]
    found = {p["pid"]: base64.b64decode(p["cmdline"]) for p in answer["processes"]}
    assert found[c.pid] == b"sleep\x00999\x00"
    assert len(found) == 2
    for process in answer["processes"]:
        assert base64.b64decode(process["stat"]).split()[0] == str(process["pid"]).encode()
        assert b"Uid:" in base64.b64decode(process["status"])
    assert base64.b64decode(answer["system"]["sys/kernel/osrelease"]).decode().strip() \
        == os.uname().release
    after = c.call("processes", id=c.id, after=min(found))
    assert [p["pid"] for p in after["processes"]] == [max(found)]


def test_watch_answers_and_ends_with_its_connection(guest):
    c = guest.run("sleep", "1000")
    watcher = guest.link.connect()
    assert watcher.call("watch", id=c.id) == {}
    assert len(guest.children()) == 2
    watcher.gone()
    guest.link.wait(lambda: guest.children() == [c.pid],
                    what="the watcher's end", outside=True)


def test_many_at_once(guest):
    c = guest.run("sleep", "1000")
    execs = []
    for i in range(20):
        connection = guest.link.connect()
        connection.request = connection.post("exec", id=c.id, process=guest.process(
            "sh", "-c", f"head -c 300000 /dev/zero; exit {i}"))
        execs.append(connection)
    for i, connection in enumerate(execs):
        connection.answer(connection.request)
        assert connection.wait_exit() == {"code": i}
        assert len(connection.output[1]) == 300000


def test_limits(guest):
    c = guest.run("sleep", "1000")
    numbers = [c.post("watch", id=c.id) for _ in range(17)]
    with pytest.raises(Refused) as refused:
        c.answer(numbers[-1])
    assert refused.value.code == errno.EAGAIN
    for _ in range(256):
        extra = guest.link.connect()
        number = extra.post("resize")
    with pytest.raises(Refused) as refused:
        extra.answer(number)
    assert refused.value.code == errno.EMFILE


@pytest.mark.parametrize("body", [
    b"{}", b"[]", b"[1]", b"{ ", b"\x00\x00", b"\"x\"", b"{\"op\":7}", b"{\"op\":\"nothing\"}",
    b"{\"op\":\"create\"}", b"{\"op\":\"create\",\"id\":\"../x\"}",
    b"{\"op\":\"create\",\"id\":\"x\"}", b"{\"op\":\"create\",\"id\":\"x\",\"config\":7}",
    b"{\"op\":\"create\",\"id\":\"x\",\"config\":{}}", b"{\"op\":\"start\",\"id\":\"none\"}",
    b"{\"op\":\"exec\",\"id\":\"none\",\"process\":[]}", b"{\"op\":\"signal\",\"signal\":-1}",
    b"{\"op\":\"signal\",\"signal\":99999999999999999999}", b"{\"op\":\"resize\",\"width\":70000}",
    b"{\"op\":\"update\",\"id\":\"none\"}", b"{\"op\":\"processes\",\"id\":\"none\"}",
    b"{\"op\":\"network\",\"links\":7}", b"[" * 5000, b"{\"op\":\"hangup\",\"time\":\"x\"}",
])
def test_broken_requests_are_answered(guest, body):
    c = guest.link.connect()
    guest.link.send(wire.REQUEST, c.number, 5, body)
    with pytest.raises(Refused) as refused:
        c.answer(5)
    assert refused.value.code > 0 and refused.value.message
    # and nothing else has come of it
    run = guest.run("true")
    assert run.wait_exit() == {"code": 0}


def test_stream_frames_without_a_process(guest):
    c = guest.link.connect()
    for number in range(3):
        for kind, body in ((wire.DATA, b"x"), (wire.EOF, b""), (wire.STOP, b""),
                           (wire.WINDOW, struct.pack("<I", 2**32 - 1))):
            guest.link.send(kind, c.number, number, body)
    guest.link.send(wire.GONE, 12345, 0)
    assert guest.run("true").wait_exit() == {"code": 0}


@pytest.mark.parametrize("frames", [
    [(wire.WINDOW, 1, struct.pack("<I", 2**32 - 1))],
    [(wire.WINDOW, 0, struct.pack("<I", 1))],
    [(wire.DATA, 1, b"x")],
    [(wire.EOF, 0, b""), (wire.EOF, 0, b"")],
    [(wire.EOF, 0, b""), (wire.DATA, 0, b"x")],
    [(wire.DATA, 0, b"x" * wire.DATA_MAX)] * 12,
], ids=["grant", "grant-stdin", "data-to-stdout", "eof-twice", "data-after-eof", "flood"])
def test_a_client_that_breaks_the_protocol_loses_its_process(guest, frames):
    c = guest.run("sleep", "1000")
    for kind, number, body in frames:
        c.credit -= len(body)
        guest.link.send(kind, c.number, number, body)
    guest.wait_dead(c.pid)
    assert guest.run("true").wait_exit() == {"code": 0}


@pytest.mark.parametrize("data", [
    struct.pack("<IIII", 99, 0, 1, 0),
    struct.pack("<IIII", wire.RESPONSE, 2, 1, 0) + b"{}",
    struct.pack("<IIII", wire.DATA, wire.DATA_MAX + 1, 1, 0),
    struct.pack("<IIII", wire.REQUEST, 2**32 - 1, 1, 0),
    struct.pack("<IIII", wire.HELLO, 2, 0, 0) + b"{}",
    b"\xff" * 64,
])
def test_garbage_ends_the_agent(ungreeted, data):
    ungreeted.link.greet()
    ungreeted.link.raw(data)
    with pytest.raises(wire.Ended):
        while True:
            ungreeted.link.turn(5)
    assert ungreeted.popen.wait(5) == 1
    assert ungreeted.errors_text().startswith("agent: ")


@pytest.mark.parametrize("hello", [b"{}", b"{\"protocol\":2}", b"x{"])
def test_hello_refused(ungreeted, hello):
    ungreeted.link.wait(lambda: ungreeted.link.hello, what="HELLO")
    ungreeted.link.send(wire.HELLO, 0, 0, hello)
    with pytest.raises(wire.Ended):
        while True:
            ungreeted.link.turn(5)
    assert ungreeted.popen.wait(5) == 1


def test_random_garbage(rootfs):
    """Frames that are whole, with contents and in an order that are not."""
    from conftest import Guest
    rng = random.Random(4)
    for _ in range(20):
        guest = Guest(rootfs)
        guest.link.greet()
        try:
            for _ in range(rng.randrange(1, 60)):
                kind = rng.choice([wire.REQUEST, wire.GONE, wire.DATA, wire.EOF, wire.STOP,
                                   wire.WINDOW])
                body = {wire.GONE: 0, wire.EOF: 0, wire.STOP: 0, wire.WINDOW: 4}.get(
                    kind, rng.randrange(1, 200))
                data = json.dumps({"op": rng.choice(["create", "exec", "resize", "signal"]),
                                   "id": "x", "config": {"process": {"terminal": True}},
                                   "process": {"args": ["x"]}}).encode() \
                    if kind == wire.REQUEST and rng.random() < .5 else rng.randbytes(body)
                guest.link.send(kind, rng.randrange(4), rng.randrange(3), data)
        except wire.Ended:
            pass
        status = guest.end()
        assert status in (0, 1), guest.errors_text()
