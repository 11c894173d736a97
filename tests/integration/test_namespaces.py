"""Namespaces: new ones, joined ones, and none."""

import os
import time

import pytest

from host import host

# spec type -> name below /proc/<pid>/ns
NS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt",
      "cgroup": "cgroup", "user": "user", "time": "time"}
PEER = {"time"}


def ns(pid, kind) -> str:
    return os.readlink(f"/proc/{pid}/ns/{NS[kind]}")


@pytest.fixture
def skip_for_peer(runtime):
    def skip(kind):
        if runtime.standin and kind in PEER:
            pytest.skip(f"peer: no {kind} namespaces")
    return skip


@pytest.fixture
def holder(helper):
    """A host process in new namespaces; holder("net") gives its pid."""
    def start(*options):
        process = helper("unshare", *options, "sh", "-c", "echo ready; exec sleep 1000")
        process.until_output("ready")
        return process.pid
    return start


@pytest.mark.host_view("namespaces on the host")
@pytest.mark.parametrize("kind", NS)
def test_new(runtime, bundle, kind, skip_for_peer):
    skip_for_peer(kind)
    b = bundle()
    if kind == "user":
        b.map_user()
    b.namespace(kind)
    c = runtime.start(b)
    assert ns(c.pid, kind) != ns("self", kind)


@pytest.mark.host_view("namespaces on the host")
def test_all_eight_at_once(runtime, bundle):
    b = bundle().map_user()
    kinds = [k for k in NS if not (runtime.standin and k in PEER)]
    for kind in kinds:
        b.namespace(kind)
    c = runtime.start(b)
    assert [k for k in kinds if ns(c.pid, k) == ns("self", k)] == []
    assert c.exec("echo", "inside").out == "inside\n"


@pytest.mark.host_view("namespaces on the host")
@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_not_asked_for_is_the_runtimes(runtime, bundle, kind):
    b = bundle().without_namespace(kind)
    if kind == "uts":
        del b.spec["hostname"]
    if kind == "network":  # sysfs of another network namespace cannot be mounted anew
        b.without_mount("/sys").without_mount("/sys/fs/cgroup")
    if kind == "ipc":
        b.without_mount("/dev/mqueue")
    c = runtime.start(b)
    assert ns(c.pid, kind) == ns("self", kind)


@pytest.mark.host_view("namespaces on the host")
@pytest.mark.parametrize("kind,option", [
    ("network", "--net"), ("ipc", "--ipc"), ("uts", "--uts"), ("cgroup", "--cgroup"),
    ("time", "--time")])
def test_join_by_path(runtime, bundle, holder, kind, option, skip_for_peer):
    skip_for_peer(kind)
    if kind == "time":
        # the time namespace of a process changes with its first child or exec
        pid = holder(option, "--fork", "--kill-child")
        time.sleep(0.05)
        path = f"/proc/{pid}/ns/time_for_children"
    else:
        pid = holder(option)
        path = f"/proc/{pid}/ns/{NS[kind]}"
    b = bundle().namespace(kind, path)
    if kind == "uts":
        del b.spec["hostname"]
    c = runtime.start(b)
    assert ns(c.pid, kind) == os.readlink(path).replace("time_for_children", "time")


@pytest.mark.host_view("namespaces on the host")
def test_join_the_pid_namespace_of_another_container(runtime, bundle):
    first = runtime.start(bundle())
    b = bundle().sh("echo $$; sleep 1000").namespace("pid", f"/proc/{first.pid}/ns/pid")
    second = runtime.start(b)
    assert ns(first.pid, "pid") == ns(second.pid, "pid")
    assert int(second.until_output(r"\d+\n")) > 1
    second.delete(force=True)
    assert first.status == "running"


@pytest.mark.host_view("namespaces on the host")
def test_pod_of_two(runtime, bundle):
    """What an engine does for a pod: the second joins network, ipc and uts of the first."""
    b = bundle()
    b.spec["hostname"] = "pod"
    first = runtime.start(b)
    b = bundle().sh("hostname; sleep 1000")
    del b.spec["hostname"]
    for kind in ("network", "ipc", "uts"):
        b.namespace(kind, f"/proc/{first.pid}/ns/{NS[kind]}")
    second = runtime.start(b)
    second.until_output("^pod$")
    for kind in ("network", "ipc", "uts"):
        assert ns(first.pid, kind) == ns(second.pid, kind)


@pytest.mark.host_view("namespaces on the host")
def test_join_a_bound_namespace_file(runtime, bundle, work):
    """As engines keep them: a namespace bound to a file, without a process."""
    file = work / "netns"
    file.touch()
    host("unshare", f"--net={file}", "true")
    runtime.leftovers.rebase()
    c = runtime.start(bundle().namespace("network", file))
    assert f"net:[{os.stat(file).st_ino}]" == ns(c.pid, "network")
    c.delete(force=True)
    assert f"net:[{os.stat(file).st_ino}]" != ns("self", "network")


@pytest.mark.peer_lacks("joining without mappings in the config")
@pytest.mark.host_view("namespaces on the host")
def test_join_a_user_namespace(runtime, bundle, helper, work):
    process = helper("unshare", "--user", "sh", "-c", "echo ready; exec sleep 1000")
    process.until_output("ready")
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{process.pid}/{name}", "w", encoding="ascii") as table:
            table.write("0 100000 65536")
    b = bundle().namespace("user", f"/proc/{process.pid}/ns/user")
    c = runtime.start(b)
    assert ns(c.pid, "user") == ns(process.pid, "user")
    assert c.exec("cat", "/proc/self/uid_map").out.split() == ["0", "100000", "65536"]


def test_join_wrong_kind_of_file(runtime, bundle, work, holder):
    b = bundle().namespace("network", work)
    runtime.run_fails(b, says="namespace")
    (work / "file").write_text("")
    b.namespace("network", work / "file")
    runtime.run_fails(b, says="namespace")
    b.namespace("network", f"/proc/{holder('--uts')}/ns/uts")
    runtime.run_fails(b, says="namespace")
    runtime.leftovers.assert_none()


def test_join_missing_file(runtime, bundle):
    runtime.run_fails(bundle().namespace("ipc", "/nowhere/ns"), says="/nowhere/ns")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("refusing the same namespace type twice by JSON path")
def test_same_type_twice(runtime, bundle):
    b = bundle()
    b.linux["namespaces"].append({"type": "pid"})
    runtime.run_fails(b, says="linux.namespaces")
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("time offsets")
def test_time_offsets(runtime, bundle):
    b = bundle().sh("cat /proc/self/timens_offsets; cat /proc/uptime").namespace("time")
    b.linux["timeOffsets"] = {"monotonic": {"secs": 172800, "nanosecs": 5},
                              "boottime": {"secs": 604800}}
    lines = runtime.run(b).lines
    assert lines[0].split() == ["monotonic", "172800", "5"]
    assert lines[1].split() == ["boottime", "604800", "0"]
    with open("/proc/uptime", encoding="ascii") as uptime:
        here = float(uptime.read().split()[0])
    own = float(lines[2].split()[0]) - 604800  # in a VM, since it booted
    assert abs(own - here) < 60 if runtime.isolation == "process" else 0 <= own < here


@pytest.mark.peer_lacks("time offsets")
def test_exec_sees_the_offsets(runtime, bundle):
    b = bundle().namespace("time")
    b.linux["timeOffsets"] = {"boottime": {"secs": 1000000}}
    c = runtime.start(b)
    assert float(c.exec("cat", "/proc/uptime").out.split()[0]) > 1000000


@pytest.mark.peer_lacks("time offsets")
def test_time_offsets_need_a_new_time_namespace(runtime, bundle):
    b = bundle()
    b.linux["timeOffsets"] = {"boottime": {"secs": 1}}
    runtime.run_fails(b, says="linux.timeOffsets")
    runtime.leftovers.assert_none()


def test_hostname_needs_a_uts_namespace(runtime, bundle):
    """Without one it would rename the host."""
    before = os.uname().nodename
    runtime.run_fails(bundle().without_namespace("uts"), says="hostname")
    assert os.uname().nodename == before
    runtime.leftovers.assert_none()


def test_loopback_is_up(runtime, bundle):
    assert "UP" in runtime.run(bundle().sh("ip link show lo")).out.split(">")[0]


def test_network_namespace_is_empty_but_for_loopback(runtime, bundle):
    out = runtime.run(bundle().sh("ls /sys/class/net")).out.split()
    assert out == ["lo"]


def test_cgroup_namespace_shows_the_containers_cgroup_as_root(runtime, bundle):
    b = bundle().sh("cat /proc/self/cgroup").namespace("cgroup")
    paths = {line.split(":", 2)[2] for line in runtime.run(b).lines}
    assert paths == {"/"}


def test_pid_1_and_a_fresh_proc(runtime, bundle):
    out = runtime.run(bundle().sh("echo $$; ls -d /proc/[0-9]* | wc -l")).lines
    assert out[0] == "1"
    assert int(out[1]) <= 3


def test_netns_with_devices_is_joined_with_them(runtime, bundle, work):
    file = work / "netns"
    file.touch()
    host("unshare", f"--net={file}", "sh", "-c",
         "ip link add hcsA type veth peer name hcsB && ip addr add 10.77.0.1/24 dev hcsA")
    runtime.leftovers.rebase()
    b = bundle().sh("ip addr show hcsA").namespace("network", file)
    assert "10.77.0.1/24" in runtime.run(b).out
