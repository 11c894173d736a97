# SPDX-License-Identifier: Apache-2.0
"""What of the host each process of a VM can reach: asked of /proc."""
import os
import re
import stat
import subprocess

import pytest

NAMESPACES = ["mnt", "net", "ipc", "uts", "pid", "cgroup"]
# CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID MKNOD SETFCAP: what making the guest's files takes.
DAEMON_CAPS = sum(1 << n for n in (0, 1, 3, 4, 6, 7, 27, 31))
UID = 200000


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def descriptors(pid):
    return {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


def mounts(pid):
    """(mount point, options, source's root, type) of each."""
    with open(f"/proc/{pid}/mountinfo", encoding="ascii") as file:
        for line in file:
            before, after = line.split(" - ")
            fields = before.split()
            yield fields[4], fields[5].split(","), fields[3], after.split()[0]


@pytest.fixture
def processes(vm, client):
    """{"vmwp": pid, "qemu": pid, "daemon": pid, "daemon-parent": pid}; the guest is up."""
    found = {"vmwp": vm.pid}
    for pid, name in sorted(vm.helpers().items()):
        if name.startswith("qemu"):
            found["qemu"] = pid
        else:
            assert name == "virtiofsd"
            found["daemon" if "daemon-parent" in found else "daemon-parent"] = pid
    assert len(found) == 4
    assert client.ask("echo here") == b"here"
    return found


def test_no_privileges(processes):
    for name, pid in processes.items():
        of = status(pid)
        assert of["NoNewPrivs"] == "1", name
        assert of["Seccomp"] == "2", name
        for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"):
            allowed = DAEMON_CAPS if name == "daemon" and kind in ("CapPrm", "CapEff") else 0
            assert int(of[kind], 16) & ~allowed == 0, (name, kind, of[kind])
        assert of["Groups"].strip() == "", name


def test_users(processes):
    for name, pid in processes.items():
        uid = {"vmwp": UID, "qemu": UID + 1}.get(name, 0)
        of = status(pid)
        assert of["Uid"].split() == [str(uid)] * 4, name
        assert of["Gid"].split() == [str(uid)] * 4, name


def test_namespaces(processes):
    for name, pid in processes.items():
        for kind in NAMESPACES:
            assert namespace(pid, kind) != namespace("self", kind), (name, kind)
    # The daemon is apart from the rest, the monitor does not see what is shared.
    assert len({namespace(pid, "mnt") for pid in processes.values()}) == 3
    assert namespace(processes["daemon"], "net") != namespace(processes["vmwp"], "net")
    assert namespace(processes["daemon"], "pid") != namespace(processes["vmwp"], "pid")
    assert status(processes["vmwp"])["NSpid"].split()[-1] == "1"


def test_no_network(processes):
    for name, pid in processes.items():
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            interfaces = [line.split(":")[0].strip() for line in file if ":" in line]
        assert interfaces == ["lo"], name


def test_root_has_nothing_of_the_host(processes, shared):
    (shared / "secret").touch()
    for name in ("vmwp", "qemu"):
        root = f"/proc/{processes[name]}/root"
        assert set(os.listdir(root)) <= {"usr", "lib", "lib32", "lib64", "bin", "sbin", "etc", "dev",
                                         "vm", "proc", "share"}
        assert os.listdir(root + "/etc") == ["ld.so.cache"]
        assert sorted(os.listdir(root + "/dev")) == ["null", "urandom", "zero"]
        assert os.listdir(root + "/proc") == ["sys"]  # a file that looks like a limit, no procfs
    assert os.listdir(f"/proc/{processes['vmwp']}/root/share") == ["x"]
    assert os.listdir(f"/proc/{processes['qemu']}/root/share") == []
    for name in ("daemon", "daemon-parent"):
        assert os.listdir(f"/proc/{processes[name]}/root") == ["x"]


def test_the_monitor_can_make_nothing(processes):
    seen = set()
    for point, options, _, kind in mounts(processes["qemu"]):
        seen.add(point)
        assert kind not in ("proc", "sysfs"), point
        assert "nosuid" in options, point
        node = os.stat(f"/proc/{processes['qemu']}/root{point}")
        assert stat.S_ISCHR(node.st_mode) or {"ro", "nodev"} <= set(options), point
    assert seen >= {"/", "/usr", "/vm/kernel", "/vm/initrd"}


def test_only_the_share_is_a_shared_mount(processes):
    for name in ("vmwp", "qemu"):
        with open(f"/proc/{processes[name]}/mountinfo", encoding="ascii") as file:
            points = [line.split()[4] for line in file if re.search(r" (shared|master):", line)]
        assert points == (["/share"] if name == "vmwp" else []), name


def test_descriptors(processes):
    allowed = re.compile(r"/dev/null$|socket:|pipe:|anon_inode:|/memfd:memory-backend-memfd")
    for name, pid in processes.items():
        for fd, target in descriptors(pid).items():
            # The daemon holds the share's root and its own procfs directory.
            if name == "daemon" and target in ("/", "/1/task", "/share"):
                continue
            assert allowed.match(target), (name, fd, target)


def test_environment_and_arguments(vm, processes):
    for name, pid in processes.items():
        if name == "vmwp":
            continue
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert file.read() == b"PATH=/usr/bin\0LC_ALL=C\0", name
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(vm.pid)], capture_output=True, text=True,
                           check=True).stdout
    assert shown == "vmwp test\n"
    with open(f"/proc/{processes['qemu']}/cmdline", "rb") as file:
        arguments = file.read().split(b"\0")
    assert arguments[1:3] == [b"-name", b"guest=test"]
    # Arguments are for everybody to read: no path of the host is among them.
    assert not any(b"/tmp" in argument for argument in arguments)


def test_no_core_dumps_and_no_debugger(vm, processes):
    for pid in processes.values():
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            assert re.search(r"Max core file size +0 +0 ", file.read())
    assert os.stat(f"/proc/{vm.pid}/maps").st_uid == 0  # not dumpable: root's, not its user's


def test_users_of_the_caller_are_kept_when_none_is_given(make_vm):
    vm = make_vm(uid=0)
    vm.ready()
    assert vm.connect().hello()["kernel"] == "test"
    for pid, name in [(vm.pid, "vmwp"), *vm.helpers().items()]:
        of = status(pid)
        assert of["NoNewPrivs"] == "1" and of["Seccomp"] == "2"
        assert of["Uid"].split() == ["0"] * 4
        if name != "virtiofsd":
            assert int(of["CapPrm"], 16) == int(of["CapBnd"], 16) == 0


def test_memory(vm, client):
    """vmwp's own, with clients and after traffic."""
    others = [vm.connect() for _ in range(10)]
    for other in others:
        other.hello()
        assert len(other.ask("echo " + "x" * 100000)) == 100000
    with open(f"/proc/{vm.pid}/smaps_rollup", encoding="ascii") as file:
        sizes = dict(re.findall(r"(\w+): +(\d+) kB", file.read()))
    assert int(sizes["Rss"]) <= 4096
    assert client.ask("echo still here") == b"still here"


