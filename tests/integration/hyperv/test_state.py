"""What commands tell of a VM, and the ways to ask for one."""

import json
import os
import shutil
import subprocess

import pytest

import cgroupfs
import vm
from runtime import until

pytestmark = pytest.mark.hyperv
MIB = 1 << 20


def machine_of(state) -> dict:
    """The part of a state that is about the VM."""
    return state["vm"]


# What is told

def test_state_names_monitor_and_accelerator(runtime, bundle):
    c = runtime.start(bundle())
    state = c.state()
    assert state["isolation"] == "hyperv"
    machine = machine_of(state)
    assert machine["monitor"] == "qemu"
    assert machine["accelerator"] in ("tcg", "kvm")
    assert os.path.exists(machine["kernel"])
    argv = " ".join(vm.part(c, "qemu").argv)
    assert f"accel={machine['accelerator']}" in argv, "what is told is what runs"


def test_created_and_stopped_too(runtime, bundle):
    c = runtime.create(bundle())
    assert machine_of(c.state())["monitor"] == "qemu"
    c.kill("KILL")
    c.wait_stopped()
    state = c.state()
    assert (state["isolation"], machine_of(state)["monitor"]) == ("hyperv", "qemu")


def test_list_tells_each(runtime, bundle):
    one = runtime.start(bundle())
    runtime.isolation = "process"
    two = runtime.start(bundle())
    runtime.isolation = "hyperv"
    listed = {entry["id"]: entry for entry in runtime("list", "-f", "json").json}
    assert (listed[one.id]["isolation"], listed[two.id]["isolation"]) == ("hyperv", "process")
    assert listed[one.id]["vm"]["accelerator"] == machine_of(one.state())["accelerator"]
    assert "vm" not in listed[two.id]


def test_features_tell_what_could_be_used(runtime):
    features = runtime("features").json
    text = json.dumps(features)
    assert "hyperv" in text and "process" in text
    assert "qemu" in text
    assert '"tcg"' in text or '"kvm"' in text


def test_emulation_is_said_once(runtime, bundle, work):
    """A machine without usable KVM says so, not with every container; and `state` says it always."""
    env = vm.configured(work, "{}")
    first = runtime("run", "-d", "-b", written(bundle()), runtime.new_id(), env=env)
    second = runtime("run", "-d", "-b", written(bundle()), runtime.new_id(), env=env)
    emulated = machine_of(runtime("state", runtime.ids()[0]).json)["accelerator"] == "tcg"
    assert (["emulation" in r.err for r in (first, second)] == [emulated, False]), (first, second)


def written(b):
    b.write()
    return b.path


def test_kernel_release_is_the_guests(runtime, bundle):
    c = runtime.start(bundle())
    assert c.exec("uname", "-r").out.startswith("6.12.")


# Ways to ask for it

def ask(runtime):
    """The rest of a test asks by itself."""
    runtime.isolation = "process"


@pytest.mark.parametrize("name", ["hyperv", "vm"])
def test_by_option(runtime, bundle, name):
    ask(runtime)
    c = runtime.start(bundle(), "--isolation", name)
    assert c.state()["isolation"] == "hyperv"


@pytest.mark.parametrize("name", ["hyperv", "vm"])
def test_by_annotation(runtime, bundle, name):
    ask(runtime)
    b = bundle()
    b.spec["annotations"] = {"io.hcs.isolation": name}
    c = runtime.start(b)
    assert c.state()["isolation"] == "hyperv"
    assert vm.part(c, "qemu")


def test_by_vm_section(runtime, bundle):
    ask(runtime)
    b = bundle().sh("cat /proc/cmdline; nproc; grep MemTotal /proc/meminfo; sleep 1000")
    b.spec["vm"] = {"kernel": {"path": vm.installed_kernel(runtime, bundle, "--isolation", "hyperv"),
                               "parameters": ["hcs.test=1", "quiet"]},
                    "hwConfig": {"vcpus": 2, "memory": 200 * MIB}}
    c = runtime.start(b)
    assert c.state()["isolation"] == "hyperv"
    c.until_output("MemTotal.*kB")
    cmdline, cpus, memory = c.out.splitlines()
    assert "hcs.test=1" in cmdline.split()
    assert cpus == "2"
    assert 150 << 10 < int(memory.split()[1]) <= 200 << 10


def test_by_configuration_file(runtime, bundle, work):
    ask(runtime)
    env = vm.configured(work, {"isolation": "hyperv"})
    c = runtime.start(bundle(), env=env)
    assert c.state()["isolation"] == "hyperv"
    assert c.exec("echo", "in").out == "in\n", "what is stored counts from then on, without the file"
    b = bundle()
    b.spec["annotations"] = {"io.hcs.isolation": "process"}
    assert runtime.start(b, env=env).state()["isolation"] == "process"
    assert runtime.start(bundle(), "--isolation", "process", env=env).state()["isolation"] == "process"


def test_option_wins_over_annotation(runtime, bundle):
    ask(runtime)
    b = bundle()
    b.spec["annotations"] = {"io.hcs.isolation": "hyperv"}
    assert runtime.start(b, "--isolation", "process").state()["isolation"] == "process"
    b.spec["annotations"] = {"io.hcs.isolation": "process"}
    assert runtime.start(b, "--isolation", "hyperv").state()["isolation"] == "hyperv"


def test_default_is_process(runtime, bundle):
    ask(runtime)
    assert runtime.start(bundle()).state()["isolation"] == "process"


# Sizes and kernels

def test_size_follows_the_limits(runtime, bundle):
    """What the container may use fits, with room for the guest itself; processors as the quota has."""
    b = bundle().sh("grep MemTotal /proc/meminfo; nproc; cat /sys/fs/cgroup/memory.max; sleep 1000")
    b.resources["memory"] = {"limit": 300 * MIB}
    b.resources["cpu"] = {"quota": 150000, "period": 100000}
    c = runtime.start(b)
    c.until_output(rf"^{300 * MIB}$")
    total, cpus, limit = c.out.splitlines()
    assert int(total.split()[1]) > 300 << 10
    assert int(total.split()[1]) < 450 << 10
    assert cpus == str(min(2, os.cpu_count()))


def test_memory_of_a_vm_is_taken_when_it_is_used(runtime, bundle):
    """A gigabyte VM in which little runs costs little."""
    b = bundle()
    b.resources["memory"] = {"limit": 1 << 30}
    c = runtime.start(b)
    assert vm.part(c, "qemu").rss() < 200 * MIB


@pytest.fixture
def other_kernel(runtime, bundle, work):
    """Debian's stock kernel where it is installed or unpacked, else ours under another name."""
    for name in sorted(os.listdir("/boot")):
        if name.startswith("vmlinuz-"):
            return f"/boot/{name}", name[len("vmlinuz-"):]
    pytest.skip("no other kernel on this machine: apt-get install linux-image-cloud-amd64")


@pytest.mark.parametrize("way", ["option", "annotation", "file"])
def test_another_kernel(runtime, bundle, work, other_kernel, way):
    """Wider compatibility: a container chooses the version of its kernel."""
    path, release = other_kernel
    b = bundle().sh("uname -r; sleep 1000")
    options, env = [], dict(os.environ)
    if way == "option":
        options = ["--kernel", path]
    elif way == "annotation":
        b.spec["annotations"] = {"io.hcs.kernel": path}
    else:
        env = vm.configured(work, {"hyperv": {"kernel": path}})
    c = runtime.start(b, *options, env=env)
    assert c.until_output(r".+\n").strip() == release
    assert c.exec("echo", "in").out == "in\n"
    assert machine_of(c.state())["kernel"] == os.path.realpath(path)


def test_copy_of_the_kernel_in_another_place(runtime, bundle, work):
    copy = work / "a kernel, elsewhere"
    shutil.copy(vm.installed_kernel(runtime, bundle), copy)
    copy.chmod(0o644)
    c = runtime.start(bundle(), "--kernel", copy)
    assert machine_of(c.state())["kernel"] == str(copy)
    assert c.exec("echo", "in").out == "in\n"


def test_kernel_that_the_monitor_may_not_read(runtime, bundle, work):
    """It runs under a user of its own: said by name, before anything waits."""
    copy = work / "vmlinux"
    shutil.copy(vm.installed_kernel(runtime, bundle), copy)
    copy.chmod(0o600)
    runtime.create_fails(bundle(), "--kernel", copy, says=str(copy))
    runtime.leftovers.assert_none()


# The configuration file

@pytest.mark.parametrize("text,says", [
    ("{", "hcs.json"), ("[]", "hcs.json"), ('{"isolation": "windows"}', "isolation"), ('{"isolation": 3}', "isolation"),
    ('{"hyperv": {"kernel": 3}}', "hyperv.kernel"), ('{"hyperv": {"memory": -1}}', "hyperv.memory"),
    ('{"hyperv": {"accelerator": "xen"}}', "hyperv.accelerator"), ('{"nosuch": 1}', "nosuch"),
    ('{"hyperv": {"nosuch": 1}}', "nosuch")])
def test_configuration_file_that_is_wrong(runtime, bundle, work, text, says):
    """Named by key; never half of it applied."""
    runtime.create_fails(bundle(), says=says, env=vm.configured(work, text))
    runtime.leftovers.assert_none()


def test_configuration_file_that_is_missing(runtime, bundle, work):
    """One that was named must be there."""
    runtime.create_fails(bundle(), says="none.json", env={**os.environ, "HCS_CONFIG": str(work / "none.json")})


def test_kvm_that_is_demanded_is_not_replaced(runtime, bundle, work):
    env = vm.configured(work, {"hyperv": {"accelerator": "kvm"}})
    b = bundle()
    b.write()
    cid = runtime.new_id()
    result = runtime("create", "-b", b.path, cid, check=False, env=env)
    if result.rc:
        runtime.assert_error(result, "kvm")
    else:
        assert machine_of(runtime.container(cid).state())["accelerator"] == "kvm"


# Figures

def test_statistics_tell_container_and_vm_apart(runtime, bundle):
    b = bundle().sh("head -c 20000000 /dev/zero >/dev/shm/x; echo up; sleep 1000")
    c = runtime.start(b)
    c.until_output("up")
    data = runtime("events", "--stats", c.id).json["data"]
    container = data["memory"]["usage"]["usage"]
    assert 20_000_000 < container < 100_000_000
    assert "vm" in data, "the VM's own cost"
    text = json.dumps(data["vm"])
    assert "memory" in text and "cpu" in text


def test_statistics_of_the_hosts_cgroup_have_the_whole(runtime, bundle):
    """What docker stats reads on v1, or the kubelet: the cgroup of the container on the host."""
    c = runtime.start(bundle().sh("head -c 30000000 /dev/zero >/dev/shm/x; echo up; sleep 1000"))
    c.until_output("up")
    seen = cgroupfs.OnHost(c)
    name = "memory.usage_in_bytes" if seen.is_v1("memory") else "memory.current"
    until(lambda: int(seen.read("memory", name)) > 30_000_000)
    members = set(map(int, (cgroupfs.directory(c.pid, "memory") / "cgroup.procs").read_text().split()))
    assert {p.pid for p in vm.everything(c)} <= members


def bound(c, setting):
    """Of the host's cgroup; -1: none."""
    controller, old, new = cgroupfs.FILES[setting]
    seen = cgroupfs.OnHost(c)
    text = seen.read(controller, old if seen.is_v1(controller) else new)
    return -1 if text == "max" or int(text) > 1 << 62 else int(text)


def test_the_vm_as_a_whole_is_bounded_on_the_host(runtime, bundle):
    """Beside the limits in the guest, where they are the container's: see docs/compatibility.md."""
    b = bundle().sh("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; sleep 1000")
    b.resources["memory"] = {"limit": 96 * MIB}
    b.resources["pids"] = {"limit": 20}
    c = runtime.start(b)
    c.until_output("^20$")
    assert c.out.split() == [str(96 * MIB), "20"]
    data = runtime("events", "--stats", c.id).json["data"]
    guest = data["vm"]["memory"]["guest"]
    assert bound(c, "memory.limit") == data["vm"]["memory"]["limit"]
    assert bound(c, "memory.limit") - 2 * guest in (512 * MIB, 1536 * MIB)
    assert data["memory"]["usage"]["limit"] == 96 * MIB and data["pids"]["limit"] == 20
    assert bound(c, "pids.max") == 257
    # The container's limits change, and not what its VM may cost.
    before = bound(c, "memory.limit"), bound(c, "pids.max")
    runtime("update", "--memory", str(64 * MIB), "--pids-limit", "30", c.id)
    assert (bound(c, "memory.limit"), bound(c, "pids.max")) == before


def test_update_beyond_the_vm(runtime, bundle):
    """It does not grow: what could not be used is refused, what fits is not."""
    b = bundle()
    b.resources["memory"] = {"limit": 100 * MIB}
    b.resources["cpu"] = {"quota": 50000, "period": 100000}
    c = runtime.start(b)
    runtime.fails("update", "--memory", "1G", c.id, says=["memory.limit", "its VM has", "MiB"])
    runtime("update", "--memory", str(90 * MIB), "--cpu-quota", "90000", "--cpu-period", "100000", c.id)
    runtime("update", "--memory", "-1", "--memory-swap", "-1", c.id)
    assert c.exec("cat", "/sys/fs/cgroup/memory.max").out == "max\n"
    if os.cpu_count() > 1:
        runtime.fails("update", "--cpu-quota", "150000", "--cpu-period", "100000", c.id, says=["cpu.quota", "VM has 1"])
        assert c.exec("cat", "/sys/fs/cgroup/cpu.max").out == "90000 100000\n"


def test_one_that_joins_costs_only_its_own_processes(runtime, bundle):
    owner = runtime.start(bundle())
    b = bundle()
    b.spec["annotations"] = {"io.hcs.host": owner.id}
    b.resources["memory"] = {"limit": 32 * MIB}
    b.resources["pids"] = {"limit": 20}
    c = runtime.start(b)
    assert bound(c, "pids.max") == 256 and bound(c, "memory.limit") == -1
    assert bound(owner, "pids.max") == bound(owner, "memory.limit") == -1


def test_processes_table_is_the_guests(runtime, bundle):
    c = runtime.start(bundle().sh("sleep 1234 & wait"))
    lines = until(lambda: len(found := runtime("ps", c.id).lines) == 3 and found)
    assert lines[2].endswith(" sleep 1234")
    assert not [l for l in lines if "vmproc" in l or "qemu" in l]


# Streams

FLOOD = "dd if=/dev/zero bs=1M count=%d 2>/dev/null"


@pytest.mark.slow
def test_a_gigabyte_through_stdout(runtime, bundle):
    """Byte-exact, with memory that does not grow with what has passed."""
    size = 1 << 30
    b = bundle().sh(FLOOD % (size >> 20))
    b.write()
    cid = runtime.new_id()
    run = runtime.spawn("run", "-b", b.path, cid, stdout=subprocess.PIPE)
    stream, seen, most = run.popen.stdout, 0, {}
    nothing = bytes(1 << 20)
    while chunk := stream.read1(1 << 20):
        assert chunk == nothing[:len(chunk)]
        seen += len(chunk)
        if seen % (64 << 20) < len(chunk):
            for name in ("vmproc", "vmwp"):
                for part in vm.parts(runtime.container(cid))[name]:
                    most[name] = max(most.get(name, 0), part.rss())
    assert seen == size
    assert run.wait().rc == 0
    assert most and all(value < 8 * MIB for value in most.values()), most


@pytest.mark.slow
def test_what_passes_is_what_was_sent(runtime, bundle):
    """Not only zeros: 64 MiB of a pattern in and out, at the same time."""
    data = os.urandom(MIB) * 64
    b = bundle().args("cat")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = run.popen.communicate(data, timeout=300)
    assert out == data
    assert run.wait().rc == 0


def test_reader_that_does_not_read_stops_the_writer_only(runtime, bundle):
    """Bounded memory: the container's write blocks; the VM and other processes of it go on."""
    b = bundle().sh("yes; true")
    b.write()
    cid = runtime.new_id()
    reader, writer = os.pipe()
    run = runtime.spawn("run", "-b", b.path, cid, stdout=writer)
    os.close(writer)
    c = runtime.container(cid)
    until(lambda: runtime("exec", cid, "true", check=False).rc == 0)
    sizes = [vm.part(c, name).rss() for name in ("vmproc", "vmwp")]
    for _ in range(5):
        assert c.exec("echo", "on").out == "on\n"
    assert all(size < 8 * MIB for size in sizes), sizes
    assert os.read(reader, 2) == b"y\n"
    c.delete(force=True)
    os.close(reader)
    run.wait()
