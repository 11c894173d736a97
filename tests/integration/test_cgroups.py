"""linux.resources and linux.cgroupsPath; update; pause and resume."""

import json
import os
import re
import subprocess
import time

import pytest

import cgroupfs
import leftovers
from runtime import until

MIB = 1 << 20
once = pytest.mark.once("refused before anything is made")


def limited(bundle, **resources):
    b = bundle()
    b.resources.update(resources)
    return b


def get(c, name) -> int:
    return cgroupfs.number(c, name)


def test_memory(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB, "reservation": 32 * MIB}))
    assert get(c, "memory.limit") == 64 * MIB
    assert get(c, "memory.reservation") == 32 * MIB


def test_memory_and_swap(runtime, bundle):
    """The spec's swap is memory and swap together; v2 counts swap alone."""
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB, "swap": 96 * MIB}))
    expected = 96 * MIB if cgroupfs.view(c).is_v1("memory") else 32 * MIB
    assert get(c, "memory.swap") == expected


def test_memory_unlimited(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": -1}))
    assert get(c, "memory.limit") == -1


@pytest.mark.v1("memory")
def test_memory_v1_knobs(runtime, bundle):
    c = runtime.start(limited(bundle, memory={
        "limit": 64 * MIB, "kernelTCP": 16 * MIB, "swappiness": 13, "disableOOMKiller": True}))
    base = cgroupfs.directory(c.pid, "memory")
    if not runtime.standin:
        assert (base / "memory.kmem.tcp.limit_in_bytes").read_text().strip() == str(16 * MIB)
    assert (base / "memory.swappiness").read_text().strip() == "13"
    assert "oom_kill_disable 1" in (base / "memory.oom_control").read_text()


def test_memory_limit_kills(runtime, bundle):
    """tail keeps what it reads: it must hit the limit and be killed."""
    b = limited(bundle, memory={"limit": 16 * MIB, "swap": 16 * MIB}).args("tail", "/dev/zero")
    assert runtime.run(b, check=False).rc == 137
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("tiny limits")
def test_tiny_memory_limit_starts(runtime, bundle):
    """512 KiB (runc 1980): what the runtime itself needs must not count."""
    b = limited(bundle, memory={"limit": 512 * 1024}).sh("echo small")
    assert runtime.run(b).out == "small\n"


@once
@pytest.mark.peer_lacks("refusal by JSON path")
@pytest.mark.parametrize("memory,where", [
    ({"limit": 64 * MIB, "swap": 32 * MIB}, "memory.swap"),
    ({"limit": "64M"}, "linux.resources.memory.limit"),
    ({"swappiness": 101}, "linux.resources.memory.swappiness"),
    ({"limit": 1.5}, "linux.resources.memory.limit"),
    ({"limit": -5}, "linux.resources.memory.limit"),
])
def test_memory_refused(runtime, bundle, memory, where):
    runtime.run_fails(limited(bundle, memory=memory), says=where)
    runtime.leftovers.assert_none()


def test_cpu(runtime, bundle):
    c = runtime.start(limited(bundle, cpu={"shares": 512, "quota": 40000, "period": 80000}))
    assert abs(get(c, "cpu.shares") - 512) < 30
    assert (get(c, "cpu.quota"), get(c, "cpu.period")) == (40000, 80000)


def test_cpu_quota_unlimited(runtime, bundle):
    assert get(runtime.start(limited(bundle, cpu={"quota": -1})), "cpu.quota") == -1


@pytest.mark.peer_lacks("burst and idle")
def test_cpu_burst(runtime, bundle):
    c = runtime.start(limited(bundle, cpu={"quota": 40000, "period": 80000, "burst": 20000}))
    assert get(c, "cpu.burst") == 20000


@pytest.mark.peer_lacks("burst and idle")
def test_cpu_idle(runtime, bundle):
    assert get(runtime.start(limited(bundle, cpu={"idle": 1})), "cpu.idle") == 1


@pytest.mark.v1("cpu")
def test_cpu_realtime(runtime, bundle):
    result = limited(bundle, cpu={"realtimePeriod": 900000, "realtimeRuntime": 1000})
    c = runtime.start(result)
    base = cgroupfs.directory(c.pid, "cpu")
    assert (base / "cpu.rt_runtime_us").read_text().strip() == "1000"
    assert (base / "cpu.rt_period_us").read_text().strip() == "900000"


@pytest.mark.peer_lacks("refusal by JSON path")
@pytest.mark.parametrize("cpu,where", [
    ({"shares": "many"}, "linux.resources.cpu.shares"),
    ({"quota": 10, "period": 1}, "linux.resources.cpu"),
    ({"cpus": "0-99999"}, "linux.resources.cpu.cpus"),
    ({"cpus": "none"}, "linux.resources.cpu.cpus"),
    ({"mems": "77"}, "linux.resources.cpu.mems"),
    ({"idle": 2}, "linux.resources.cpu.idle"),
])
def test_cpu_refused(runtime, bundle, cpu, where):
    runtime.run_fails(limited(bundle, cpu=cpu), says=where)
    runtime.leftovers.assert_none()


def test_cpuset(runtime, bundle):
    c = runtime.start(limited(bundle, cpu={"cpus": "0", "mems": "0"}))
    assert cgroupfs.value(c, "cpuset.cpus") == "0"
    assert cgroupfs.value(c, "cpuset.mems") == "0"
    with open(f"/proc/{c.pid}/status", encoding="ascii") as status:
        assert re.search(r"Cpus_allowed_list:\s*(\S+)", status.read())[1] == "0"


def test_pids(runtime, bundle):
    b = limited(bundle, pids={"limit": 8})
    c = runtime.start(b)
    assert get(c, "pids.max") == 8
    result = c.exec_sh("i=0; while [ $i -lt 20 ]; do sleep 2 & i=$((i+1)); done; echo unlimited",
                       check=False)
    assert "unlimited" not in result.out


def test_pids_unlimited(runtime, bundle):
    assert get(runtime.start(limited(bundle, pids={"limit": -1})), "pids.max") == -1


def root_device() -> tuple:
    device = os.stat("/").st_dev
    return os.major(device), os.minor(device)


@pytest.mark.parametrize("field,file,key", [
    ("throttleReadBpsDevice", "read_bps", "rbps"),
    ("throttleWriteBpsDevice", "write_bps", "wbps"),
    ("throttleReadIOPSDevice", "read_iops", "riops"),
    ("throttleWriteIOPSDevice", "write_iops", "wiops")])
def test_blkio_throttle(runtime, bundle, field, file, key):
    if not (cgroupfs.has_v1("blkio") or cgroupfs.has_v2("io")):
        pytest.skip("no controller of block I/O on this machine")
    major, minor = root_device()
    b = limited(bundle, blockIO={field: [{"major": major, "minor": minor, "rate": 1000000}]})
    c = runtime.start(b)
    if cgroupfs.has_v1("blkio"):
        path = cgroupfs.directory(c.pid, "blkio") / f"blkio.throttle.{file}_device"
        assert path.read_text().split() == [f"{major}:{minor}", "1000000"]
    else:
        device, *limits = (cgroupfs.directory(c.pid, "io") / "io.max").read_text().split()
        assert device == f"{major}:{minor}" and f"{key}=1000000" in limits


def test_blkio_weight_set_or_refused(runtime, bundle):
    """Where the kernel has no proportional scheduler the field is refused, never passed over."""
    b = limited(bundle, blockIO={"weight": 300})
    b.write()
    cid = runtime.new_id()
    result = runtime("run", "-d", "-b", b.path, cid, check=False)
    if result.rc:
        runtime.assert_error(result, "linux.resources.blockIO.weight")
        runtime.leftovers.assert_none()
        return
    pid = runtime.container(cid).pid
    if cgroupfs.has_v1("blkio"):
        base, values = cgroupfs.directory(pid, "blkio"), ("300",)
        files = [base / "blkio.weight", base / "blkio.bfq.weight"]
    else:  # 10 to 1000 stretched to 1 to 10000; bfq takes the value as it is
        base, values = cgroupfs.directory(pid, "io"), ("300", "default 300", "default 2930")
        files = [base / "io.weight", base / "io.bfq.weight"]
    assert any(f.exists() and f.read_text().strip() in values for f in files)


def test_huge_pages(runtime, bundle):
    if not cgroupfs.limits_of(runtime, "hugetlb"):
        pytest.skip("no hugetlb controller on this machine")
    c = runtime.start(limited(bundle, hugepageLimits=[{"pageSize": "2MB", "limit": 4 * MIB}]))
    seen = cgroupfs.view(c)
    name = "hugetlb.2MB.limit_in_bytes" if seen.is_v1("hugetlb") else "hugetlb.2MB.max"
    assert seen.read("hugetlb", name) == str(4 * MIB)


@pytest.mark.peer_lacks("refusal of what the kernel lacks by JSON path")
@pytest.mark.parametrize("controller,resources,where", [
    ("hugetlb", {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, "linux.resources.hugepageLimits"),
    ("rdma", {"rdma": {"mlx": {"hcaHandles": 1}}}, "linux.resources.rdma"),
    ("net_cls", {"network": {"classID": 1}}, "linux.resources.network.classID"),
    ("net_prio", {"network": {"priorities": [{"name": "lo", "priority": 1}]}},
     "linux.resources.network.priorities"),
])
def test_missing_controllers_are_named(runtime, bundle, controller, resources, where):
    if cgroupfs.limits_of(runtime, controller):
        pytest.skip(f"this machine has {controller}")
    runtime.run_fails(limited(bundle, **resources), says=where)
    runtime.leftovers.assert_none()


def test_unified_on_v2(runtime, bundle):
    if runtime.isolation == "process" and not cgroupfs.has_v2("memory"):
        pytest.skip("memory is not a cgroup v2 controller on this machine")
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB},
                              unified={"memory.high": str(32 * MIB), "pids.max": "44"}))
    files = {"memory.high": 32 * MIB, "memory.max": 64 * MIB, "pids.max": 44}
    for name, expected in files.items():
        assert cgroupfs.view(c).read("", name) == str(expected)


def test_unified_of_no_such_file(runtime, bundle):
    runtime.run_fails(limited(bundle, unified={"memory.nonsense": "1"}),
                      says="linux.resources.unified")
    runtime.leftovers.assert_none()


@pytest.mark.v1("memory")
def test_unified_on_v1_is_refused(runtime, bundle):
    runtime.run_fails(limited(bundle, unified={"memory.max": "1000000"}),
                      says="linux.resources.unified")
    runtime.leftovers.assert_none()


@once
@pytest.mark.peer_lacks("refusal by JSON path")
def test_unified_with_a_path_in_the_key(runtime, bundle):
    runtime.run_fails(limited(bundle, unified={"../../memory.max": "1"}),
                      says="linux.resources.unified")
    runtime.leftovers.assert_none()


def test_null_resources(runtime, bundle):
    b = bundle().sh("echo ok")
    del b.linux["resources"]
    assert runtime.run(b).out == "ok\n"


def any_controller() -> str:
    return "pids" if cgroupfs.has_v1("pids") else ""


def test_cgroups_path_absolute(runtime, bundle):
    b = bundle()
    b.linux["cgroupsPath"] = f"/{runtime.mark}-top/inner"
    c = runtime.start(b)
    assert cgroupfs.membership(c.pid)[any_controller()].endswith(f"/{runtime.mark}-top/inner")
    directory = cgroupfs.directory(c.pid, any_controller())
    c.delete(force=True)
    assert not directory.exists()
    clean_parents(runtime)


def clean_parents(runtime):
    """Directories above the container's own are the caller's."""
    for path in reversed(leftovers.cgroup_dirs(runtime.mark)):
        os.rmdir(path)


def test_cgroups_path_relative(runtime, bundle):
    b = bundle()
    b.linux["cgroupsPath"] = f"{runtime.mark}-rel/inner"
    c = runtime.start(b)
    assert cgroupfs.membership(c.pid)[any_controller()].endswith(f"/{runtime.mark}-rel/inner")
    c.delete(force=True)
    clean_parents(runtime)


def test_cgroups_path_missing_uses_the_id(runtime, bundle):
    c = runtime.start(bundle())
    assert c.id in cgroupfs.membership(c.pid)[any_controller()]


def test_every_controller_is_joined(runtime, bundle):
    """A process left in the caller's cgroup of some controller would escape its limits."""
    c = runtime.start(bundle())
    outside = {name: path for name, path in cgroupfs.membership(c.pid).items() if c.id not in path}
    # the cgroup2 mount of a hybrid layout has no controllers; being in it is welcome, not needed
    outside.pop("", None)
    assert outside == {}


@pytest.mark.parametrize("path", ["/../../escape", "a/../../b", "/a/../../../x"])
def test_cgroups_path_cannot_climb(runtime, bundle, path):
    b = bundle()
    b.linux["cgroupsPath"] = path.replace("escape", runtime.mark + "-esc").replace(
        "b", runtime.mark + "-b").replace("x", runtime.mark + "-x")
    result = runtime.run(b.sh("echo ran"), check=False)
    if result.rc == 0:  # cleaned to a path below the hierarchy's root
        assert result.out == "ran\n"
    else:
        runtime.assert_error(result, "linux.cgroupsPath")
    leftovers.remove_cgroups(runtime.mark)


def test_two_containers_in_one_cgroup_are_refused_or_kept_apart(runtime, bundle):
    b = bundle()
    b.linux["cgroupsPath"] = f"/{runtime.mark}-same"
    first = runtime.start(b)
    other = bundle()
    other.linux["cgroupsPath"] = f"/{runtime.mark}-same"
    other.write()
    cid = runtime.new_id()
    runtime("run", "-d", "-b", other.path, cid, check=False)
    runtime("delete", "--force", cid, check=False)
    if not runtime.standin:
        assert first.status == "running", "deleting one must not kill the other"


def test_existing_populated_cgroup(runtime, bundle):
    """Deleting a container leaves a cgroup that somebody put a child into to its owner."""
    b = bundle()
    c = runtime.start(b)
    child = cgroupfs.directory(c.pid, any_controller()) / "by-the-container"
    child.mkdir()
    c.delete(force=True)
    assert not child.exists()
    runtime.leftovers.assert_none()


def test_container_that_makes_cgroups_is_cleaned_up(runtime, bundle):
    b = bundle().namespace("cgroup")
    b.mount_of("/sys/fs/cgroup")["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    b.sh("for d in /sys/fs/cgroup /sys/fs/cgroup/*; do test -f $d/cgroup.procs && mkdir -p $d/a/b/c; done;"
         "sleep 1000 & for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do test -d $d/a/b/c && "
         "echo $! >$d/a/b/c/cgroup.procs; done 2>/dev/null; echo done; sleep 1000")
    c = runtime.start(b)
    c.until_output("done")
    c.delete(force=True)
    runtime.leftovers.assert_none()


# One container for all: each leaves the others alone.
UPDATES = [
    (["--memory", str(96 * MIB)], "memory.limit", 96 * MIB),
    (["--memory-reservation", str(48 * MIB)], "memory.reservation", 48 * MIB),
    (["--cpu-quota", "30000"], "cpu.quota", 30000),
    (["--cpu-period", "50000", "--cpu-quota", "25000"], "cpu.period", 50000),
    (["--cpuset-cpus", "0"], "cpuset.cpus", 0),
    (["--cpuset-mems", "0"], "cpuset.mems", 0),
    (["--pids-limit", "77"], "pids.max", 77),
    (["--pids-limit", "-1"], "pids.max", -1),
]


def test_update_by_flag(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB}))
    for options, name, expected in UPDATES:
        c.update(*options)
        assert get(c, name) == expected, options


def test_update_cpu_share(runtime, bundle):
    c = runtime.start(bundle())
    c.update("--cpu-share", "2048")
    assert abs(get(c, "cpu.shares") - 2048) < 60


def test_update_memory_and_swap_together(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB, "swap": 64 * MIB}))
    c.update("--memory", str(128 * MIB), "--memory-swap", str(160 * MIB))
    assert get(c, "memory.limit") == 128 * MIB
    c.update("--memory", str(32 * MIB), "--memory-swap", str(40 * MIB))
    assert get(c, "memory.limit") == 32 * MIB


@pytest.mark.peer_lacks("burst and idle")
def test_update_burst_and_idle(runtime, bundle):
    c = runtime.start(bundle())
    c.update("--cpu-period", "80000", "--cpu-quota", "40000", "--cpu-burst", "10000")
    assert get(c, "cpu.burst") == 10000
    d = runtime.start(bundle())
    d.update("--cpu-idle", "1")
    assert get(d, "cpu.idle") == 1


RESOURCES = {"memory": {"limit": 80 * MIB}, "cpu": {"shares": 300, "quota": 20000, "period": 40000},
             "pids": {"limit": 55}}


def check_resources(c):
    assert get(c, "memory.limit") == 80 * MIB
    assert get(c, "cpu.quota") == 20000
    assert get(c, "pids.max") == 55


def test_update_from_a_file(runtime, bundle, work):
    c = runtime.start(bundle())
    (work / "r.json").write_text(json.dumps(RESOURCES))
    c.update("-r", work / "r.json")
    check_resources(c)


def test_update_from_stdin(runtime, bundle):
    c = runtime.start(bundle())
    update = runtime.spawn("update", "-r", "-", c.id, stdin=subprocess.PIPE)
    update.popen.stdin.write(json.dumps(RESOURCES).encode())
    update.popen.stdin.close()
    assert update.wait().rc == 0
    check_resources(c)


def test_update_leaves_the_rest_alone(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB}, pids={"limit": 33}))
    c.update("--cpu-quota", "30000")
    assert (get(c, "memory.limit"), get(c, "pids.max")) == (64 * MIB, 33)


def test_update_keeps_devices_closed(runtime, bundle):
    """An update must not lose the device rules (docker update)."""
    b = bundle().caps("CAP_MKNOD").tmpfs("/mnt", "mode=777")
    c = runtime.start(b)
    c.update("--pids-limit", "50")
    out = c.exec_sh("mknod /mnt/kmsg c 1 11; dd if=/mnt/kmsg bs=1 count=1 2>&1 | grep -c 'not permitted'").out
    assert out == "1\n"


@pytest.mark.peer_lacks("refusal by name")
def test_update_refused(runtime, bundle):
    c = runtime.start(limited(bundle, memory={"limit": 64 * MIB}))
    for options, says in [
            (["--memory", "lots"], "--memory"), (["--pids-limit", "x"], "--pids-limit"),
            (["--cpuset-cpus", "900"], "cpu"), (["--memory", "-7"], "--memory"),
            (["--cpu-quota", "99999999999999999999999"], "--cpu-quota")]:
        runtime.fails("update", *options, c.id, says=says)
    assert get(c, "memory.limit") == 64 * MIB


@pytest.mark.peer_lacks("checks by JSON path")
def test_update_file_refused(runtime, bundle, work):
    c = runtime.start(bundle())
    for text, says in [('{"memory": {"limit": "x"}}', "memory.limit"), ("{", "r.json"), ("[]", ""),
                       ('{"memory": 3}', "memory")]:
        (work / "r.json").write_text(text)
        runtime.fails("update", "-r", work / "r.json", c.id, says=says)


def test_update_without_anything_to_do_or_stopped(runtime, bundle):
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    runtime.fails("update", "--pids-limit", "5", c.id, says=[c.id, "stopped"])


def test_update_of_a_created_container(runtime, bundle):
    c = runtime.create(bundle())
    c.update("--pids-limit", "44")
    c.start()
    assert get(c, "pids.max") == 44


def test_pause_stops_and_resume_goes_on(runtime, bundle):
    c = runtime.start(bundle().sh("i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"))
    c.until_output("3")
    c.pause()
    size = len(c.out)
    time.sleep(0.1)
    assert len(c.out) == size
    c.resume()
    until(lambda: len(c.out) > size)


@pytest.mark.host_view("reads the freezer on the host")
def test_pause_uses_the_freezer(runtime, bundle):
    c = runtime.start(bundle())
    if cgroupfs.has_v1("freezer"):
        path, frozen, thawed = "freezer.state", "FROZEN\n", "THAWED\n"
    else:
        path, frozen, thawed = "cgroup.freeze", "1\n", "0\n"
    state = cgroupfs.directory(c.pid, "freezer") / path
    c.pause()
    assert state.read_text() == frozen
    c.resume()
    assert state.read_text() == thawed


def test_pause_and_resume_in_wrong_states(runtime, bundle):
    c = runtime.start(bundle())
    runtime.fails("resume", c.id, says=[c.id, "running"])
    c.pause()
    if not runtime.standin:
        runtime.fails("pause", c.id, says=[c.id, "paused"])
    c.resume()
    c.kill("KILL")
    c.wait_stopped()
    runtime.fails("pause", c.id, says=[c.id, "stopped"])


def test_two_pauses_and_a_delete_with_exec_processes(runtime, bundle):
    c = runtime.start(bundle())
    for _ in range(3):
        c.exec("sleep", "1000", options=["-d"])
    c.pause()
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("--cgroup-manager disabled (crun's)")
def test_cgroup_manager_disabled(runtime, bundle):
    runtime.globals = ["--cgroup-manager", "disabled"]
    b = bundle().without_mount("/sys/fs/cgroup")
    del b.linux["resources"]
    c = runtime.start(b)
    assert cgroupfs.membership(c.pid) == cgroupfs.membership("self")
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.host_view("the limits of a container in a VM are those of its cgroup in the guest")
@pytest.mark.peer_lacks("refusal by name")
def test_limits_with_cgroups_disabled_are_refused(runtime, bundle):
    runtime.globals = ["--cgroup-manager", "disabled"]
    b = limited(bundle, memory={"limit": 64 * MIB}).without_mount("/sys/fs/cgroup")
    runtime.run_fails(b, says="linux.resources.memory")
    runtime.leftovers.assert_none()


@once
@pytest.mark.peer_lacks("--cgroup-manager")
def test_unknown_cgroup_manager(runtime, bundle):
    runtime.globals = ["--cgroup-manager", "nosuch"]
    runtime.run_fails(bundle(), says="--cgroup-manager")


@once
def test_systemd_manager_without_systemd(runtime, bundle):
    if os.path.isdir("/run/systemd/system"):
        pytest.skip("systemd runs here")
    runtime.globals = ["--systemd-cgroup"]
    b = bundle()
    b.linux["cgroupsPath"] = f"system.slice:{runtime.mark}:x"
    runtime.run_fails(b, says="systemd")
    runtime.globals = []
    runtime.leftovers.assert_none()


def test_process_accounting_is_of_the_container(runtime, bundle):
    """What init used shows in the container's cgroup, not only what came later."""
    c = runtime.start(bundle().sh("head -c 8388608 /dev/zero >/dev/shm/x; sleep 1000"))
    stat = re.compile(r"\d+")
    seen = cgroupfs.view(c)
    name = "memory.usage_in_bytes" if seen.is_v1("memory") else "memory.current"
    until(lambda: int(stat.search(seen.read("memory", name)).group()) > 8 << 20)
