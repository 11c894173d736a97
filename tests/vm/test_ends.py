# SPDX-License-Identifier: Apache-2.0
"""How a VM ends, what its clients are told, and that nothing is left."""
import os
import select
import signal
import struct
import time

import pytest

import initrd
from machine import REQUEST, RESPONSE, VM_READY, VmwpError


def watch(pids):
    """Descriptors that become readable at the ends of the processes."""
    return [os.pidfd_open(pid) for pid in pids]


def all_gone(fds, seconds=2):
    deadline = time.monotonic() + seconds
    for fd in fds:
        left = max(0, deadline - time.monotonic())
        ended = bool(select.select([fd], [], [], left)[0])
        os.close(fd)
        if not ended:
            return False
    return True


@pytest.mark.parametrize("victim,said", [
    ("qemu", "the VM's monitor (QEMU) was killed by signal 9 (SIGKILL)"),
    ("daemon-parent", "the share's daemon (virtiofsd) was killed by signal 9 (SIGKILL)"),
    ("daemon", "the share's daemon (virtiofsd) ended with status 1"),
])
def test_kill_of_a_helper(vm, client, victim, said):
    helpers = vm.helpers()
    daemons = sorted(pid for pid, name in helpers.items() if name == "virtiofsd")
    pids = {"daemon-parent": daemons[0], "daemon": daemons[1],
            "qemu": next(pid for pid, name in helpers.items() if name.startswith("qemu"))}
    fds = watch([vm.pid, *helpers])
    late = vm.connect()
    os.kill(pids[victim], signal.SIGKILL)
    assert client.end_reason().startswith(said)
    assert late.end_reason().startswith(said)
    assert all_gone(fds)
    assert vm.wait() == 1


def test_what_the_guest_said_before_counts(vm, client):
    """It is in vmwp's hands when the monitor is found dead: an exit status is final."""
    qemu = next(pid for pid, name in vm.helpers().items() if name.startswith("qemu"))
    client.send(REQUEST, 7, b"sh sleep 0.3; echo said")
    time.sleep(0.1)
    os.kill(vm.pid, signal.SIGSTOP)
    time.sleep(1)
    fd, = watch([qemu])
    os.kill(qemu, signal.SIGKILL)
    assert all_gone([fd]), "a zombie is gone enough"
    os.kill(vm.pid, signal.SIGCONT)
    kind, number, body = client.receive()
    assert (kind, number) == (RESPONSE, 7) and b"said" in body
    assert client.end_reason().startswith("the VM's monitor (QEMU) was killed by signal 9")


def test_kill_of_vmwp(vm, client):
    fds = watch([vm.pid, *vm.helpers()])
    os.kill(vm.pid, signal.SIGKILL)
    assert all_gone(fds)
    with pytest.raises((EOFError, ConnectionResetError)):
        client.receive()


def test_kill_of_its_parent(vm, client):
    fds = watch([vm.pid, *vm.helpers()])
    os.kill(vm.parent, signal.SIGKILL)
    assert all_gone(fds)
    vm.wait()


def test_owner_goes(vm, client):
    """Its end of the conversation is closed: no words, at once."""
    fds = watch([vm.pid, *vm.helpers()])
    vm.owner.close()
    assert all_gone(fds, 0.5)
    assert vm.wait() == 0
    with pytest.raises((EOFError, ConnectionResetError)):
        client.receive()


def test_owner_goes_while_the_guest_boots(make_vm):
    vm = make_vm()
    vm.ready()
    fds = watch([vm.pid, *vm.helpers()])
    vm.owner.close()
    assert all_gone(fds, 0.5)


def test_killed_while_it_starts(make_vm):
    """At any instant before READY; whatever had been started has gone with it."""
    for delay in (0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.010, 0.015):
        vm = make_vm()
        time.sleep(delay)
        fds = watch([vm.pid])
        vm.owner.close()  # which is its parent's in truth
        os.kill(vm.parent, signal.SIGKILL)
        assert all_gone(fds)
        vm.wait()


def test_power_off(client):
    client.send(2, 1, b"sh reboot -f")
    assert client.end_reason().startswith("the VM powered off or restarted")


def test_panic(directory, make_vm, tmp_path):
    """The console's last lines say why."""
    tmp_path.chmod(0o755)
    broken = tmp_path / "initrd"
    broken.write_bytes(initrd.entry("init", 0o100755, b"no program at all\n" * 9)
                       + initrd.entry("TRAILER!!!", 0))
    vm = make_vm(initrd=str(broken))
    vm.ready()
    reason = vm.connect().end_reason()
    assert reason.startswith("the VM's kernel panicked; the console's last lines: ")
    assert "Kernel panic - not syncing: No working init found" in reason
    assert reason.isprintable() and len(reason) < 1024


def test_agent_that_never_comes(make_vm):
    vm = make_vm(boot_timeout_ms=1500, kernel_parameters="rdinit=/bin/busybox init=/bin/false")
    vm.ready()
    reason = vm.connect().end_reason()
    # The first ends too early for a patient eye; both are told.
    assert "the VM's kernel panicked" in reason or reason.startswith(
        "the VM's agent did not answer within 1500 ms of its start")


def test_agent_that_does_not_answer_its_owner(vm, client):
    """Who waits for it tells: clients hear of it, with what the console said last."""
    client.sh("echo HUNG-BY-DESIGN >/dev/console")
    late = vm.connect()
    vm.owner.send(struct.pack("<Iii", VM_READY + 2, 0, 0))
    for connection in (client, late):
        reason = connection.end_reason()
        assert reason.startswith("the VM's agent does not answer")
        assert "the console's last lines: " in reason and "HUNG-BY-DESIGN" in reason
    assert vm.wait() == 1


def test_boot_timeout(make_vm):
    vm = make_vm(boot_timeout_ms=50)
    began = time.monotonic()
    vm.ready()
    reason = vm.connect().end_reason()
    assert reason.startswith("the VM's agent did not answer within 50 ms of its start")
    assert time.monotonic() - began < 1
    assert vm.wait() == 1


@pytest.mark.parametrize("settings,said", [
    ({"kernel": "/nowhere/vmlinux"}, "/nowhere/vmlinux: No such file or directory"),
    ({"initrd": "/nowhere/initrd"}, "/nowhere/initrd: No such file or directory"),
    ({"kernel": "/usr"}, "/usr: not a regular file"),
    ({"monitor": "bochs"}, 'there is no monitor "bochs"'),
    ({"cpus": 0}, "cpus: "),
    ({"color": "red"}, "color: unknown"),
])
def test_what_cannot_be_started(make_vm, settings, said):
    vm = make_vm(**settings)
    with pytest.raises(VmwpError) as caught:
        vm.ready()
    assert said in str(caught.value)
    assert vm.wait() == 1


def test_kernel_that_the_monitor_may_not_read(make_vm, tmp_path):
    tmp_path.chmod(0o755)
    secret = tmp_path / "vmlinux"
    secret.write_text("x")
    secret.chmod(0o600)
    vm = make_vm(kernel=str(secret))
    with pytest.raises(VmwpError, match="the monitor cannot read it"):
        vm.ready()


def test_kernel_that_is_none(make_vm, tmp_path):
    tmp_path.chmod(0o755)
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(b"\x7fELF" + b"x" * 4096)
    vm = make_vm(kernel=str(kernel))
    vm.ready()
    reason = vm.connect().end_reason()
    assert reason.startswith("the VM's monitor (QEMU) ended with status 1: qemu-system-")


def test_started_fast(make_vm):
    """From the fork of its parent to READY, QEMU executing; the best of five on a busy machine."""
    times = []
    for _ in range(5):
        vm = make_vm()
        times.append(vm.ready())
        vm.owner.close()
        vm.wait()
    assert min(times) < 0.05, times
