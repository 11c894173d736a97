"""The host's processes of a VM: what each may do, by what the kernel says of it in /proc."""

import os
import re

import pytest

import vm
from vm import NAMESPACES, part, parts

pytestmark = pytest.mark.hyperv

SECCOMP_FILTER = "2"


@pytest.fixture
def c(runtime, bundle):
    return runtime.start(bundle().sh("echo up; sleep 1000"), env={**os.environ, "HOST_SECRET": "1"})


def test_the_parts_are_there(c):
    found = {name: len(processes) for name, processes in parts(c).items()}
    assert found["vmproc"] == found["vmwp"] == found["qemu"] == 1
    assert found["virtiofsd"] >= 1
    assert c.id in part(c, "vmwp").argv
    assert c.id in part(c, "vmproc").argv


@pytest.mark.parametrize("name", ["vmwp", "qemu", "vmproc"])
def test_user_of_its_own_without_rights(c, name):
    process = part(c, name)
    assert 0 not in process.ids, "it must not be root in any way"
    assert len(process.ids) == 1
    assert process.status["Groups"].split() == []
    for kind in ("Inh", "Prm", "Eff", "Amb"):
        assert process.caps(kind) == 0, kind
    assert process.status["NoNewPrivs"] == "1"
    assert process.status["Seccomp"] == SECCOMP_FILTER


def test_no_capability_can_come_back(c):
    for name in ("vmwp", "qemu"):
        assert part(c, name).caps("Bnd") == 0


def test_monitor_is_another_user_than_its_worker(c):
    """A guest that takes over QEMU has not got what vmwp holds: ptrace and signals are out."""
    assert part(c, "qemu").ids.isdisjoint(part(c, "vmwp").ids)


def test_two_vms_share_no_user(runtime, bundle, c):
    other = runtime.start(bundle())
    users = [part(x, name).ids for x in (c, other) for name in ("vmwp", "qemu")]
    assert len(set.union(*users)) == 4


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd"])
def test_namespaces_are_not_the_hosts(c, name):
    process = part(c, name)
    hosts = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES}
    same = [kind for kind in NAMESPACES if process.namespace(kind) == hosts[kind]]
    # The daemon's own sandbox has no reason to make a cgroup or uts namespace beside vmwp's.
    assert same == []


def test_worker_is_the_first_process_of_its_namespace(c):
    """So that nothing of the VM outlives it, whatever ends it."""
    assert part(c, "vmwp").status["NSpid"].split()[-1] == "1"


def test_root_of_worker_and_monitor_has_nothing_of_the_host(c):
    for name in ("vmwp", "qemu"):
        root = part(c, name).path("root")
        for secret in ("etc/shadow", "etc/passwd", "root", "home", "var", "tmp", "run", "sys"):
            assert not os.path.lexists(root / secret), f"{name} sees /{secret}"
        line = part(c, name).path("mountinfo").read_text().splitlines()
        roots = [l for l in line if l.split()[4] == "/"]
        assert roots and all("ro" in l.split()[5].split(",") for l in roots), roots


def test_share_daemon_sees_the_share_only(c):
    process = part(c, "virtiofsd")
    assert process.status["Seccomp"] == SECCOMP_FILTER
    # It gives files to any user: that takes rights, but not those over the system.
    granted = process.caps("Eff")
    for name, bit in {"SYS_ADMIN": 21, "SYS_PTRACE": 19, "SYS_MODULE": 16, "SYS_RAWIO": 17, "NET_ADMIN": 12,
                      "SYS_BOOT": 22, "SYS_TIME": 25, "BPF": 39, "MAC_ADMIN": 33}.items():
        assert not granted >> bit & 1, name
    assert sorted(os.listdir(process.path("root"))) == [c.id]


def test_monitor_runs_in_its_own_sandbox_too(c):
    argv = part(c, "qemu").argv
    sandbox = argv[argv.index("-sandbox") + 1]
    assert sandbox.startswith("on")
    for word in ("elevateprivileges=deny", "spawn=deny"):
        assert word in sandbox


# What a helper may hold: nothing by which a file of the host could be reached.
HARMLESS = re.compile(r"^(socket:\[|pipe:\[|anon_inode:|/memfd:|/dev/null|/dev/zero|/dev/urandom|/dev/kvm"
                      r"|/dev/net/tun|/$|/share$|/proc$|/\d+/task$)")


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd"])
def test_descriptors_are_its_own(c, runtime, name):
    """Nothing of the caller's, of the bundle or of the state has been inherited."""
    for process in parts(c)[name]:
        strange = {n: link for n, link in process.fds().items() if not HARMLESS.match(link)}
        if name == "virtiofsd":  # what the guest has open
            strange = {n: link for n, link in strange.items() if f"/{c.id}/" not in link}
        assert not strange, f"{process}: {strange}"


def test_the_containers_process_holds_its_streams_only(c):
    """vmproc: stdio, its connection, its signals. Nothing below the state directory or the bundle."""
    links = part(c, "vmproc").fds()
    others = {n: link for n, link in links.items() if n > 2 and not HARMLESS.match(link)}
    streams = {os.readlink(f"/proc/self/fd/{f.fileno()}") for f in (c.created._out, c.created._err)}
    others = {n: link for n, link in others.items() if not link.endswith("/reason") and link not in streams}
    assert not others, links


def test_environment_is_not_inherited(c):
    for process in vm.everything(c):
        assert not [e for e in process.environ if e.startswith("HOST_SECRET")], process


def test_all_is_in_the_containers_cgroup(c, runtime):
    """What a container costs on the host is where its limits and its statistics are."""
    own = part(c, "vmproc").path("cgroup").read_text()
    assert c.id in own
    for process in vm.everything(c):
        # Read by us: as the host's cgroup namespace has it.
        assert process.path("cgroup").read_text() == own, process


def test_worker_is_small(c):
    """Of its own, without the monitor: 4 MB at most."""
    assert part(c, "vmwp").rss() <= 4 << 20


def test_nobody_can_look_into_them(c):
    """Not dumpable: also for another process of the same user /proc/PID/mem is closed. (QEMU's
    user has no other process.)"""
    for name in ("vmwp", "vmproc"):
        assert os.stat(part(c, name).path("mem")).st_uid == 0, name


def test_core_files_are_not_written(c):
    """A crash must not put guest memory on the host's disk."""
    for name in ("vmwp", "qemu", "vmproc"):
        limits = part(c, name).path("limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0\s", limits), name


def test_members_of_a_pod_add_a_process_each(runtime, bundle, c):
    before = len(vm.everything(c))
    second = runtime.start(bundle(), "--host", c.id)
    assert len(vm.everything(c)) == before
    assert [p.comm for p in map(vm.Process, vm.below(second.pid))] == ["vmproc"]


def test_exec_adds_one_confined_process(c, runtime, work):
    runtime("exec", "-d", "--pid-file", work / "pid", c.id, "sleep", "1000")
    process = vm.Process(int((work / "pid").read_text()))
    assert process.comm.startswith("vmproc")
    assert 0 not in process.ids
    assert process.caps("Eff") == process.caps("Prm") == 0
    assert process.status["Seccomp"] == SECCOMP_FILTER


def test_control_socket_is_roots(c, runtime):
    """Who may speak to the agent can run anything in the container."""
    sockets = [p for p in (runtime.root / c.id).iterdir() if p.is_socket()]
    assert sockets
    for path in sockets:
        info = path.lstat()
        assert info.st_uid == 0
        directory = path.parent.stat()
        assert info.st_mode & 0o022 == 0 or directory.st_mode & 0o011 == 0, path
