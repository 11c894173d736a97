"""Several containers in one VM: by --host, and by what containerd and CRI-O write for pods."""

import pytest

import vm
from host import host
from runtime import until

pytestmark = pytest.mark.hyperv
MIB = 1 << 20
SHARED, OWN = ("net", "ipc", "uts"), ("mnt", "pid")


@pytest.fixture
def owner(runtime, bundle):
    return runtime.start(bundle("sandbox").sh("echo up; sleep 1000"))


def namespaces(c, kinds) -> list:
    return c.exec_sh("; ".join(f"readlink /proc/self/ns/{k}" for k in kinds)).lines


def member(runtime, b, owner, *options):
    return runtime.start(b, "--host", owner.id, *options)


def kernel_of(c) -> str:
    return c.exec("cat", "/proc/sys/kernel/random/boot_id").out


def test_second_container_is_in_the_same_vm(runtime, bundle, owner):
    second = member(runtime, bundle(), owner)
    assert kernel_of(second) == kernel_of(owner)
    assert not vm.parts(second)["qemu"], "no VM of its own"


def test_shared_and_own_namespaces(runtime, bundle, owner):
    second = member(runtime, bundle(), owner)
    assert namespaces(second, SHARED) == namespaces(owner, SHARED)
    for kind in OWN:
        assert namespaces(second, [kind]) != namespaces(owner, [kind])


def test_host_name_is_the_pods(runtime, bundle):
    b = bundle()
    b.spec["hostname"] = "pod"
    first = runtime.start(b)
    b = bundle()
    del b.spec["hostname"]
    assert member(runtime, b, first).exec("hostname").out == "pod\n"
    b = bundle()
    b.spec["hostname"] = "other"
    runtime.create_fails(b, "--host", first.id, says="hostname")


def test_loopback_is_shared(runtime, bundle, owner):
    second = member(runtime, bundle().sh("echo answer | nc -l -p 8000; sleep 1000"), owner)
    until(lambda: owner.exec_sh("nc 127.0.0.1 8000 </dev/null", check=False).out == "answer\n")
    assert second.status == "running"


def test_each_has_its_own_root(runtime, bundle, owner):
    one, two = bundle(), bundle()
    one.put("/etc/who", "one")
    two.put("/etc/who", "two")
    found = [member(runtime, b, owner).exec("cat", "/etc/who").out for b in (one, two)]
    assert found == ["one", "two"]
    assert owner.exec("cat", "/etc/who", check=False).rc != 0


def test_volumes_of_one_are_not_the_others(runtime, bundle, owner, work):
    (work / "secret").mkdir()
    (work / "secret/file").write_text("only for the second")
    second = member(runtime, bundle().bind(work / "secret", "/vol"), owner)
    assert second.exec("cat", "/vol/file").out == "only for the second"
    assert owner.exec_sh("ls /vol /run/hcs 2>/dev/null; find / -xdev -name file 2>/dev/null").out == ""


def test_a_volume_in_both_is_one(runtime, bundle, work):
    (work / "data").mkdir()
    first = runtime.start(bundle().bind(work / "data", "/data", "bind", "rw"))
    second = member(runtime, bundle().bind(work / "data", "/data", "bind", "rw"), first)
    first.exec_sh("echo one >/data/x")
    assert second.exec("cat", "/data/x").out == "one\n"
    second.exec_sh("echo two >>/data/x")
    assert first.exec("cat", "/data/x").out == (work / "data/x").read_text() == "one\ntwo\n"


def test_limits_are_each_ones_own(runtime, bundle):
    b = bundle()
    b.resources["memory"] = {"limit": 256 * MIB}
    first = runtime.start(b)
    b = bundle()
    b.resources["memory"] = {"limit": 32 * MIB, "swap": 32 * MIB}
    b.resources["pids"] = {"limit": 9}
    second = member(runtime, b, first)
    assert second.exec("cat", "/sys/fs/cgroup/memory.max").out == f"{32 * MIB}\n"
    assert second.exec("cat", "/sys/fs/cgroup/pids.max").out == "9\n"
    assert first.exec("cat", "/sys/fs/cgroup/memory.max").out == f"{256 * MIB}\n"
    assert second.exec("tail", "/dev/zero", check=False).rc == 137
    assert first.exec("echo", "well").out == "well\n"


def test_processes_are_listed_apart(runtime, bundle, owner):
    second = member(runtime, bundle().args("sleep", "1234"), owner)
    assert "sleep 1234" in runtime("ps", second.id).out
    assert "sleep 1234" not in runtime("ps", owner.id).out
    assert set(second.ps()).isdisjoint(owner.ps())
    runtime("events", "--stats", second.id)


def test_pause_is_of_one(runtime, bundle, owner):
    second = member(runtime, bundle().sh("i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"), owner)
    second.until_output("3")
    owner.pause()
    size = len(second.out)
    until(lambda: len(second.out) > size)
    second.pause()
    owner.resume()
    assert owner.exec("echo", "on").out == "on\n"
    assert second.status == "paused"


def test_member_ends_and_the_pod_goes_on(runtime, bundle, owner):
    second = member(runtime, bundle().sh("exit 7"), owner)
    second.wait_stopped()
    second.delete()
    assert owner.exec("echo", "well").out == "well\n"
    third = member(runtime, bundle().sh("echo third; sleep 1000"), owner)
    third.until_output("third")
    third.kill("KILL")
    third.wait_stopped()
    third.delete()
    assert owner.status == "running"
    mounts = vm.part(owner, "vmwp").path("mountinfo").read_text()
    assert third.id not in mounts and second.id not in mounts, "what was shared for it is gone"


def test_exit_status_of_a_member(runtime, bundle, owner):
    b = bundle().sh("echo out; echo err >&2; exit 42")
    result = runtime.run(b, "--host", owner.id, check=False)
    assert (result.rc, result.out, result.err) == (42, "out\n", "err\n")


def test_vm_ends_with_its_owner(runtime, bundle, owner):
    members = [member(runtime, bundle(), owner) for _ in range(2)]
    everything = vm.everything(owner) + [vm.Process(m.pid) for m in members]
    owner.kill("KILL")
    owner.wait_stopped()
    for m in members:
        m.wait_stopped()
    vm.until_gone(everything)
    for m in members:
        runtime.fails("exec", m.id, "true", says=m.id)
        m.delete()
    owner.delete()
    runtime.leftovers.assert_none()


def test_owner_deleted_by_force_under_its_members(runtime, bundle, owner):
    second = member(runtime, bundle(), owner)
    owner.delete(force=True)
    second.wait_stopped()
    second.delete()
    runtime.leftovers.assert_none()


def test_created_members_wait_for_start(runtime, bundle, owner):
    second = runtime.create(bundle().sh("echo ran; sleep 1000"), "--host", owner.id)
    assert (second.status, second.out) == ("created", "")
    second.start()
    second.until_output("ran")


def test_many_members(runtime, bundle, owner):
    b = bundle().sh("echo up; sleep 1000")
    b.write()
    ids = [runtime.new_id() for _ in range(8)]
    running = [runtime.spawn("run", "-d", "--host", owner.id, "-b", b.path, cid) for cid in ids]
    results = [r.wait() for r in running]
    assert [r.rc for r in results] == [0] * 8, results
    until(lambda: all(r.out == "up\n" for r in results))
    owner.delete(force=True)
    for cid in ids:
        runtime("delete", "--force", cid)
    runtime.leftovers.assert_none()


def test_process_namespace_on_request(runtime, bundle, owner):
    """shareProcessNamespace: the engine gives the path of the sandbox's pid namespace."""
    second = member(runtime, bundle().namespace("pid", f"/proc/{owner.pid}/ns/pid").sh("sleep 1234"), owner)
    assert namespaces(second, ["pid"]) == namespaces(owner, ["pid"])
    assert "sleep 1234" in owner.exec("ps").out
    second.delete(force=True)
    assert owner.status == "running"


def test_limits_of_the_vm_are_its_owners(runtime, bundle, owner):
    second = member(runtime, bundle(), owner)
    runtime.fails("update", "--cpuset-cpus", "0", second.id, says=["cpu.cpus", owner.id])
    owner.update("--cpuset-cpus", "0")


def test_network_of_somebody_else(runtime, bundle, owner):
    """It would be named, and not be the container's."""
    b = bundle().namespace("network", "/proc/self/ns/net")
    runtime.create_fails(b, "--host", owner.id, says="linux.namespaces")


def paths_of(b, owner):
    """What an engine writes for a member: the sandbox's namespaces by the pid of its state."""
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
        b.namespace(kind, f"/proc/{owner.pid}/ns/{name}")
    del b.spec["hostname"]
    return b


CRI = {"containerd": ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
       "cri-o": ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID")}


@pytest.mark.parametrize("engine", CRI)
def test_annotations_of_an_engine(runtime, bundle, engine):
    kind, sandbox = CRI[engine]
    b = bundle()
    cid = runtime.new_id()
    b.spec["annotations"] = {kind: "sandbox", sandbox: cid}
    first = runtime.start(b, cid=cid)
    b = paths_of(bundle(), first)
    b.spec["annotations"] = {kind: "container", sandbox: cid}
    second = runtime.start(b)
    assert kernel_of(first) == kernel_of(second)
    assert namespaces(first, SHARED) == namespaces(second, SHARED)
    third = runtime.start(b)
    assert kernel_of(third) == kernel_of(first)
    first.delete(force=True)
    for c in (second, third):
        c.wait_stopped()
        c.delete()
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("engine", CRI)
def test_isolation_of_a_member_follows_the_sandbox(runtime, bundle, engine):
    """An engine gives the option once, with the sandbox: its runtime class."""
    kind, sandbox = CRI[engine]
    b = bundle()
    cid = runtime.new_id()
    b.spec["annotations"] = {kind: "sandbox", sandbox: cid, "io.hcs.isolation": "hyperv"}
    runtime.isolation = "process"  # nothing on the command line
    first = runtime.start(b, cid=cid)
    assert first.state()["isolation"] == "hyperv"
    b = paths_of(bundle(), first)
    b.spec["annotations"] = {kind: "container", sandbox: cid, "io.hcs.isolation": "hyperv"}
    assert kernel_of(runtime.start(b)) == kernel_of(first)


def test_network_of_the_pod_is_the_members(runtime, bundle, work):
    file = work / "netns"
    file.touch()
    host("unshare", f"--net={file}", "sh", "-c",
         "ip link add hcsA type veth peer name hcsB && ip addr add 10.77.0.1/24 dev hcsA && ip link set hcsA up")
    runtime.leftovers.rebase()
    first = runtime.start(bundle().namespace("network", file))
    second = member(runtime, bundle(), first)
    assert "10.77.0.1/24" in second.exec("ip", "addr", "show", "hcsA").out


@pytest.mark.parametrize("case", ["unknown", "process", "stopped", "member", "itself"])
def test_hosts_that_are_none(runtime, bundle, owner, case):
    cid = runtime.new_id()
    target = owner.id
    if case == "unknown":
        target = runtime.new_id("-none")
    elif case == "process":
        runtime.isolation = "process"
        target = runtime.start(bundle()).id
        runtime.isolation = "hyperv"
    elif case == "stopped":
        owner.kill("KILL")
        owner.wait_stopped()
    elif case == "member":
        target = member(runtime, bundle(), owner).id
    else:
        target = cid
    runtime.create_fails(bundle(), "--host", target, says=[target], cid=cid)
    runtime("delete", "--force", cid)


def test_kernel_of_a_member_is_the_vms(runtime, bundle, owner):
    runtime.create_fails(bundle(), "--host", owner.id, "--kernel", "/boot/vmlinuz", says="--kernel")


def test_failing_member_leaves_the_pod_alone(runtime, bundle, owner):
    for b in (bundle().args("/no/such/program"), bundle().bind("/no/such/source", "/x"),
              bundle().sh_hook("createRuntime", "exit 1")):
        runtime.create_fails(b, "--host", owner.id)
    assert owner.exec("echo", "well").out == "well\n"
    owner.delete(force=True)
    runtime.leftovers.assert_none()


def test_state_names_the_owner(runtime, bundle, owner):
    second = member(runtime, bundle(), owner)
    assert owner.id in str(second.state())
