"""The container that owns its VM: vmproc starts vmwp and ends it."""

import os
import signal

import pytest

from peer import COMMIT, END, ERROR, EXIT, HELLO, READY, SILENCE, START, VM_READY, eventually

# Stands in for vmwp: says on the settings' memfd what it found, and does what their text says.
VMWP = """#!/usr/bin/python3 -S
import ctypes, os, signal, socket, struct, sys, time
pair = socket.socket(fileno=3)
behaviour = os.pread(5, 100, 0).decode()
fds = {n: os.readlink(f"/proc/self/fd/{n}") for n in range(20)
       if os.path.islink(f"/proc/self/fd/{n}")}
blocked = [l for l in open("/proc/self/status") if l.startswith("SigBlk")][0].split()[1]
if behaviour == "quit":
    sys.exit(3)
if behaviour == "refuse":
    pair.send(struct.pack("<Iii", 9, 19, 0) + b"no such monitor")
    sys.exit(1)
os.pwrite(5, repr((os.getpid(), sys.argv, fds, blocked, sorted(os.environ))).encode() + b"\\n", 100)
if "as" in behaviour:
    os.setuid(int(behaviour.split()[-1]))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: setuid has cleared it
child = os.fork()
if child == 0:
    time.sleep(1000)
pair.send(struct.pack("<Iii", 65, 0, 0))
if behaviour.startswith("hang"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)
said = pair.recv(100)
if said:
    os.pwrite(5, repr(struct.unpack("<Iii", said)).encode(), 100)
    said = pair.recv(1)
assert said == b""
os._exit(0)
"""


@pytest.fixture
def own(spawn, tmp_path, listener):
    """Starts a vmproc with a VM of its own that behaves as told."""
    (tmp_path / "vmwp").write_text(VMWP)
    (tmp_path / "vmwp").chmod(0o755)

    def start(behaviour="", extra=()):
        settings = os.memfd_create("settings")
        os.pwrite(settings, behaviour.encode() or b" ", 0)
        vmproc = spawn(env={"HCS_LIBEXECDIR": str(tmp_path), "SECRET": "x"})
        vmproc.settings = settings
        vmproc.start_vm(settings, listener[0].fileno(), extra)
        return vmproc

    return start


def children(pid: int) -> list:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(n) for n in f.read().split()]
    except FileNotFoundError:
        return []


def gone(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def vm_pids(vmproc) -> list:
    """vmwp, as vmproc reports it, and its child."""
    kind, vmwp, _, _ = vmproc.receive()
    assert kind == VM_READY and children(vmproc.pid) == [vmwp]
    return [vmwp, *children(vmwp)]


def test_vmwp_is_given_what_it_needs_and_nothing_else(own, tmp_path):
    extra = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in "abcdefghijklmn"]
    vmproc = own(extra=extra)
    vm_pids(vmproc)
    text = os.pread(vmproc.settings, 10000, 100).decode()
    pid, argv, fds, blocked, environment = eval(text)
    assert pid == 1 and argv[1:] == ["test"] and int(blocked, 16) == 0
    assert [fds[n] for n in range(3)] == ["/dev/null"] * 3
    assert fds[3].startswith("socket") and fds[4].startswith("socket")
    assert "settings" in fds[5]
    assert [os.path.basename(fds[n]) for n in range(6, 20)] == list("abcdefghijklmn")
    assert {v for v in environment if not v.startswith("HCS_") and "SAN_" not in v} - \
        {"LC_CTYPE"} == {"PATH"}  # LC_CTYPE is Python's own
    assert "HCS_LIBEXECDIR" in environment


def test_the_process_ends_after_its_vm(own):
    vmproc = own()
    pids = vm_pids(vmproc)
    assert len(pids) == 2
    vmproc.running().send(EXIT, 0, {"code": 7})
    assert vmproc.wait() == 7
    assert all(gone(pid) for pid in pids)


def test_a_vmwp_that_hangs_is_killed(own):
    vmproc = own("hang")
    pids = vm_pids(vmproc)
    vmproc.running().send(EXIT, 0, {"signal": 15})
    assert vmproc.wait() == -15
    assert all(gone(pid) for pid in pids)


def test_vmwp_is_killed(own, tmp_path):
    vmproc = own()
    pids = vm_pids(vmproc)
    reason = os.open(tmp_path / "reason", os.O_WRONLY | os.O_CREAT)
    guest = vmproc.running(reason=reason)
    os.kill(pids[0], signal.SIGKILL)
    assert vmproc.wait() == -signal.SIGKILL
    assert (tmp_path / "reason").read_text() == "vmwp was killed by signal 9"
    assert guest.recv() is None and all(gone(pid) for pid in pids)


def test_vmwp_is_killed_while_it_boots(own):
    """The connection is still in a queue that somebody else holds open."""
    vmproc = own()
    pids = vm_pids(vmproc)
    vmproc.begin()
    os.kill(pids[0], signal.SIGKILL)
    assert vmproc.receive()[0::3] == (ERROR, "the utility VM ended: vmwp was killed by signal 9")
    assert vmproc.wait() == -signal.SIGKILL


@pytest.mark.parametrize("uid", [0, 54321])
def test_vmproc_killed_takes_all_along(own, uid):
    """As another user too, though vmwp does nothing about it by itself."""
    vmproc = own(f"hang as {uid}")
    pids = vm_pids(vmproc)
    vmproc.running(uid=uid)
    vmproc.process.kill()
    vmproc.wait()
    eventually(lambda: all(gone(pid) for pid in pids))


@pytest.mark.parametrize("behaviour, code, text", [
    ("refuse", 19, "no such monitor"),
    ("quit", 104, "vmwp ended with status 3 while it started the utility VM"),
])
def test_vmwp_does_not_start(own, behaviour, code, text):
    vmproc = own(behaviour)
    assert vmproc.receive() == (ERROR, code, 0, text)
    assert vmproc.wait() == 1


def test_vmwp_is_not_installed(own, tmp_path):
    (tmp_path / "vmwp").unlink()
    (tmp_path / "vmwp").mkdir()
    vmproc = own()
    kind, _, _, text = vmproc.receive()
    assert kind == ERROR and text == f"execute {tmp_path}/vmwp: Permission denied"
    assert vmproc.wait() == 1


def test_the_command_dies_after_the_vm_was_started(own):
    vmproc = own()
    pids = vm_pids(vmproc)
    vmproc.sync.close()
    assert vmproc.wait() == 1
    eventually(lambda: all(gone(pid) for pid in pids))


def test_created_and_told_to_end(own, listener):
    vmproc = own()
    pids = vm_pids(vmproc)
    vmproc.created(listen=listener[0])
    vmproc.send_sync(COMMIT)
    os.kill(vmproc.pid, signal.SIGTERM)
    assert vmproc.wait() == 128 + signal.SIGTERM
    assert all(gone(pid) for pid in pids)


def test_a_failed_start_ends_the_vm(own):
    vmproc = own()
    pids = vm_pids(vmproc)
    guest = vmproc.created()
    vmproc.send_sync(START)
    number, _ = guest.request("start")
    guest.refuse(number, 2, "no such file", 127)
    assert vmproc.receive()[0] == ERROR
    assert vmproc.wait() == 127
    assert all(gone(pid) for pid in pids)


def told_silence(vmproc) -> bool:
    return os.pread(vmproc.settings, 100, 100).startswith(repr((SILENCE, 0, 0)).encode())


def answer_nothing(vmproc, when, **how):
    """A guest that falls silent: when it is to create, or to start."""
    if when == "create":
        guest = vmproc.begin(create_ms=300, **how)
        guest.send(HELLO, 0, {"protocol": 1})
        guest.request("create")
    else:
        guest = vmproc.created(create_ms=20000, start_ms=300, **how)
        vmproc.send_sync(START)
        guest.request("start")
    return guest


@pytest.mark.parametrize("when", ["create", "start"])
def test_a_guest_that_never_answers(own, tmp_path, when):
    """vmwp is told, and says what is known of it."""
    vmproc = own()
    pids = vm_pids(vmproc)
    reason = os.open(tmp_path / "reason", os.O_WRONLY | os.O_CREAT)
    guest = answer_nothing(vmproc, when, reason=reason)
    eventually(lambda: told_silence(vmproc))
    guest.send(END, 0, {"reason": "the agent does not answer; the console's last lines: hung"})
    kind, _, _, text = vmproc.receive()
    assert (kind, text) == (ERROR, "the utility VM ended: the agent does not answer; the console's last lines: hung")
    assert (tmp_path / "reason").read_text() == text.partition(": ")[2]
    assert vmproc.wait() == -signal.SIGKILL
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize("behaviour", ["", "hang"])
def test_a_guest_that_never_answers_and_vmwp_does_not_either(own, behaviour):
    vmproc = own(behaviour)
    pids = vm_pids(vmproc)
    answer_nothing(vmproc, "create")
    assert vmproc.receive()[0::3] == (ERROR, "the utility VM: its agent does not answer")
    assert vmproc.wait() == -signal.SIGKILL
    assert all(gone(pid) for pid in pids)


def test_a_guest_may_boot_for_longer(own):
    """Which vmwp limits."""
    vmproc = own()
    vm_pids(vmproc)
    guest = vmproc.begin(create_ms=300)
    assert guest.quiet(1)
    guest.send(HELLO, 0, {"protocol": 1})
    guest.serve("create", pid=7)
    assert vmproc.receive()[0] == READY
    assert guest.quiet(1), "nor has what it was asked a limit once it is answered"


def test_a_guest_may_take_its_time_for_hooks_without_a_timeout(own):
    vmproc = own()
    vm_pids(vmproc)
    guest = vmproc.begin(create_ms=0, start_ms=0)
    guest.send(HELLO, 0, {"protocol": 1})
    number, _ = guest.request("create")
    assert guest.quiet(1)
    guest.answer(number, pid=7)
    assert vmproc.receive()[0] == READY
