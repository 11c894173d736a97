# SPDX-License-Identifier: Apache-2.0
"""What a user of a machine with KVM gets: the probe takes it, and everything is as with emulation."""
import json

import pytest


@pytest.fixture(scope="module", autouse=True)
def demanding(machine):
    """A configuration file: KVM or nothing."""
    machine.ok("echo '{\"hyperv\": {\"accelerator\": \"kvm\"}}' >/run/kvm.json")


@pytest.fixture(scope="module")
def sleeper(machine, runhcs, bundle):
    """A container that runs; its id."""
    path = bundle("sleeper", "/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    machine.ok(f"{runhcs} run -d --isolation hyperv -b {path} sleeper >/run/sleeper.out 2>&1 || cat /run/sleeper.out")
    yield "sleeper"
    machine.sh(f"{runhcs} delete -f sleeper")


def test_the_machine_has_kvm(machine):
    """Else nothing below would be about KVM."""
    assert machine.ok("cat /sys/module/kvm_amd/initstate").strip() == "live"
    assert machine.sh("test -c /dev/kvm").status == 0


def test_run(machine, runhcs, bundle):
    """Its output, its status, another kernel; and no word of emulation."""
    path = bundle("run", "/bin/sh", "-c", "uname -r; exit 3")
    result = machine.sh(f"{runhcs} run --isolation hyperv -b {path} run")
    assert result.status == 3, (result, machine.last_words())
    assert result.out.strip().endswith("-hcs")
    assert len(result.out.splitlines()) == 1


def test_state_says_kvm(machine, runhcs, sleeper):
    state = json.loads(machine.ok(f"{runhcs} state {sleeper}"))
    assert state["status"] == "running"
    assert state["vm"]["accelerator"] == "kvm"
    # What QEMU was told; it would have refused otherwise.
    assert "accel=kvm" in machine.ok("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_exec(machine, runhcs, sleeper):
    assert machine.ok(f"{runhcs} exec {sleeper} uname -r").strip().endswith("-hcs")
    assert machine.sh(f"{runhcs} exec {sleeper} sh -c 'exit 5'").status == 5
    assert machine.ok(f"echo words | {runhcs} exec {sleeper} cat") == "words\n"


def test_the_guest_knows_its_clock(machine, runhcs, sleeper):
    """KVM gives it one: no measuring, and the host's time."""
    assert machine.ok(f"{runhcs} exec {sleeper} cat "
                      "/sys/devices/system/clocksource/clocksource0/current_clocksource").strip() in ("kvm-clock", "tsc")
    host, guest = machine.ok(f"date +%s; {runhcs} exec {sleeper} date +%s").split()
    assert 0 <= int(guest) - int(host) < 10


def test_pause_and_resume(machine, runhcs, sleeper):
    machine.ok(f"{runhcs} pause {sleeper}")
    assert json.loads(machine.ok(f"{runhcs} state {sleeper}"))["status"] == "paused"
    assert machine.sh(f"{runhcs} exec {sleeper} true").status != 0
    machine.ok(f"{runhcs} resume {sleeper}")
    assert json.loads(machine.ok(f"{runhcs} state {sleeper}"))["status"] == "running"
    machine.ok(f"{runhcs} exec {sleeper} true")


def test_stdout_byte_exact(machine, runhcs, sleeper):
    out = machine.ok(f"{runhcs} exec {sleeper} sh -c 'yes 0123456789abcde | head -c 4000000' | sha256sum")
    assert out == machine.ok("yes 0123456789abcde | head -c 4000000 | sha256sum")


def test_a_second_container_in_the_vm(machine, runhcs, sleeper, bundle):
    path = bundle("second", "/bin/hostname")
    assert machine.ok(f"{runhcs} run --host {sleeper} -b {path} second") == "runhcs\n"


def test_kvm_when_demanded(machine, runhcs, bundle):
    """The configuration's "kvm or none" is fulfilled."""
    path = bundle("demanded", "/bin/true")
    machine.ok(f"HCS_CONFIG=/run/kvm.json {runhcs} run --isolation hyperv -b {path} demanded")


def test_kill_and_delete(machine, runhcs, bundle):
    """Nothing stays: no process, no file, no mount."""
    path = bundle("ending", "/bin/sleep", "1000")
    before = machine.ok("wc -l </proc/mounts")
    machine.ok(f"{runhcs} run -d --isolation hyperv -b {path} ending >/run/ending.out 2>&1")
    pid = json.loads(machine.ok(f"{runhcs} state ending"))["pid"]
    machine.ok(f"{runhcs} kill ending KILL")
    machine.ok(f"{runhcs} delete -f ending")
    assert machine.sh(f"{runhcs} state ending").status == 1
    assert machine.sh(f"test -e /proc/{pid}").status == 1
    assert "guest=ending" not in machine.ok("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert machine.ok("wc -l </proc/mounts") == before
    assert machine.sh("test -e /run/state/ending").status == 1


def test_what_only_looks_like_kvm(machine, runhcs, bundle):
    """Where KVM is demanded and there is none, that is refused by name; nothing is made."""
    path = bundle("refused", "/bin/true")
    command = f"HCS_CONFIG=/run/kvm.json {runhcs} run --isolation hyperv -b {path} refused"
    result = machine.sh(f"unshare --mount sh -c 'mount --bind /dev/null /dev/kvm && {command}'")
    assert result.status == 1
    assert "hyperv.accelerator: kvm: cannot be used here: /dev/kvm speaks another version" in result.out
    assert machine.sh("test -e /run/state/refused").status == 1
