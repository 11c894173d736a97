"""What the whole is for: on the host there is the worker of a VM, and no process of a container."""

import os
from pathlib import Path

import pytest

import vm
from host import host
from runtime import until

pytestmark = pytest.mark.hyperv


def host_processes() -> dict:
    """pid -> command line of everything on the host that has one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
            except OSError:
                pass
    return found


def test_processes_are_not_on_the_host(runtime, bundle):
    """A ping that runs for long: `runhcs ps` shows it, the host's process table does not."""
    c = runtime.start(bundle().args("ping", "localhost").caps("CAP_NET_RAW"))
    b = c.bundle
    b.put("/etc/hosts", "127.0.0.1 localhost\n")
    c.delete(force=True)
    c = runtime.start(b)
    c.until_output("bytes from")
    assert "ping localhost" in runtime("ps", c.id).out
    seen = host_processes()
    assert not [line for line in seen.values() if line.startswith("ping")]
    workers = [line for line in seen.values() if "vmwp" in line.split(" ")[0] and c.id in line]
    assert len(workers) == 1


def test_the_same_in_process_isolation_is_there(runtime, bundle):
    """The other half of the comparison, side by side."""
    marker = f"1000.{os.getpid()}"  # seconds: nobody else sleeps so long
    vm_one = runtime.start(bundle().args("sleep", marker))
    runtime.isolation = "process"
    plain = runtime.start(bundle().args("sleep", marker))
    runtime.isolation = "hyperv"
    listed = host("ps", "-e", "-o", "pid=,args=").splitlines()
    found = [int(line.split()[0]) for line in listed if line.split(None, 1)[1] == f"sleep {marker}"]
    assert found == [plain.pid]
    assert f"sleep {marker}" in runtime("ps", vm_one.id).out
    assert {runtime("list", "-f", "json").json[i]["isolation"] for i in range(2)} == {"process", "hyperv"}


def test_pid_of_the_state_is_a_process_that_only_stands_for_it(runtime, bundle):
    c = runtime.start(bundle())
    assert vm.Process(c.pid).comm == "vmproc"
    assert os.readlink(f"/proc/{c.pid}/exe").endswith(("vmproc", "(deleted)"))


def test_kernel_is_not_the_hosts(runtime, bundle):
    out = runtime.run(bundle().sh("uname -r; cat /proc/sys/kernel/random/boot_id")).lines
    assert out[0] != os.uname().release
    assert out[1] != Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_two_containers_do_not_share_a_kernel(runtime, bundle):
    script = "cat /proc/sys/kernel/random/boot_id"
    assert runtime.run(bundle().sh(script)).out != runtime.run(bundle().sh(script)).out


def test_host_is_not_seen_from_inside(runtime, bundle):
    """No process, no memory size, no disk, no mount of the host's."""
    b = bundle().sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; grep MemTotal /proc/meminfo; cat /proc/partitions;"
                    "cat /proc/self/mountinfo; cat /proc/cmdline")
    out = runtime.run(b).out
    total = int(next(l for l in out.splitlines() if l.startswith("MemTotal")).split()[-2])
    assert total < 1 << 20, "KiB: a VM of half a GiB or so"
    for secret in (str(runtime.work), "pytest", os.uname().nodename + "-"):
        assert secret not in out


def test_memory_of_the_container_is_in_the_monitor(runtime, bundle):
    """Nothing is counted twice or hidden: what it touches, QEMU has."""
    c = runtime.start(bundle().sh("head -c 50000000 /dev/zero | tail -c 50000000 >/dev/shm/x; echo up; sleep 1000"))
    c.until_output("up")
    qemu = vm.part(c, "qemu")
    text = qemu.path("smaps_rollup").read_text()
    pss = int(next(l for l in text.splitlines() if l.startswith("Pss:")).split()[1])
    assert pss > 50000


def test_a_signal_to_the_standing_process_ends_the_container(runtime, bundle):
    """Engines kill what the state names."""
    c = runtime.start(bundle())
    everything = vm.everything(c)
    os.kill(c.pid, 9)
    c.wait_stopped()
    vm.until_gone(everything)
    c.delete()
    runtime.leftovers.assert_none()


def test_signals_to_the_standing_process_reach_the_container(runtime, bundle):
    c = runtime.start(bundle().sh("trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done"))
    c.until_output("ready")
    os.kill(c.pid, 15)
    c.until_output("got")
    until(lambda: c.status == "stopped")
