"""Hooks: order, place, input, timeouts and what a failure does."""

import json
import os
import time

import pytest

from runtime import PATIENCE, until

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


@pytest.fixture
def log(work):
    path = work / "log"
    path.mkdir(mode=0o777)
    path.chmod(0o777)
    return path


@pytest.fixture
def logging(bundle, log):
    """A bundle with the log directory bound at /log for hooks that run inside."""
    return bundle().bind(log, "/log", "bind", "rw")


def where(kind, log, runtime):
    """The log directory as a hook of this kind sees it. In a VM createContainer hooks run in the
    guest, where the host's paths are not: in the container's root file system."""
    in_root = kind == "startContainer" or (kind == "createContainer" and runtime.isolation == "hyperv")
    return "/log" if in_root else log


@pytest.mark.peer_lacks("runc 1.1 runs poststart at create")
def test_all_six_in_order(runtime, logging, log):
    b = logging.sh("echo process >>/log/order")
    for kind in KINDS:
        b.sh_hook(kind, f"echo {kind} >>{where(kind, log, runtime)}/order")
    c = runtime.create(b)
    order = log / "order"
    assert order.read_text().split() == ["prestart", "createRuntime", "createContainer"]
    c.start()
    until(lambda: "process" in order.read_text() and "poststart" in order.read_text())
    words = order.read_text().split()
    assert words[3] == "startContainer"
    assert set(words[4:]) == {"process", "poststart"}
    c.wait_stopped()
    c.delete()
    assert order.read_text().split()[-1] == "poststop"


def test_several_of_a_kind_in_listed_order(runtime, logging, log):
    b = logging.args("true")
    for kind in KINDS:
        for i in range(3):
            b.sh_hook(kind, f"echo {kind}{i} >>{where(kind, log, runtime)}/{kind}")
    runtime.run(b)
    for kind in KINDS:
        assert (log / kind).read_text().split() == [f"{kind}{i}" for i in range(3)]


@pytest.mark.parametrize("kind,status", [
    ("prestart", {"creating", "created"}), ("createRuntime", {"creating", "created"}),
    ("createContainer", {"creating", "created"}), ("startContainer", {"created", "creating"}),
    ("poststart", {"running", "stopped"}), ("poststop", {"stopped"})])
def test_state_on_stdin(runtime, logging, log, kind, status):
    logging.spec["annotations"] = {"org.example": "yes"}
    b = logging.sh_hook(kind, f"cat >{where(kind, log, runtime)}/state").args("sleep", "1000")
    c = runtime.create(b)
    pid = c.pid
    c.start()
    c.delete(force=True)
    state = json.loads((log / "state").read_text())
    assert state["id"] == c.id
    assert state["bundle"] == str(b.path)
    assert state["status"] in status or runtime.standin
    assert state["ociVersion"].startswith("1.")
    assert state["annotations"] == {"org.example": "yes"}
    # The spec: the pid as seen by the namespace that the hook runs in.
    if kind in ("createContainer", "startContainer"):
        assert state["pid"] == 1
    elif kind != "poststop":
        assert state["pid"] == pid


def test_where_they_run(runtime, logging, log):
    """prestart, createRuntime, poststart, poststop: the runtime's namespaces; createContainer: the
    container's, before pivot_root; startContainer: inside."""
    b = logging.args("sleep", "1000")
    for kind in KINDS:
        b.sh_hook(kind, f"for n in net mnt uts; do readlink /proc/self/ns/$n; done >{where(kind, log, runtime)}/{kind}")
    c = runtime.start(b)
    inside = c.exec_sh("for n in net mnt uts; do readlink /proc/1/ns/$n; done").lines
    c.delete(force=True)
    outside = [os.readlink(f"/proc/self/ns/{n}") for n in ("net", "mnt", "uts")]

    def seen(kind):
        return (log / kind).read_text().split()

    for kind in ("prestart", "createRuntime", "poststart", "poststop"):
        assert seen(kind) == outside, kind
    assert seen("startContainer") == inside
    assert seen("createContainer") == inside


def test_create_runtime_hook_can_set_up_the_network(runtime, logging):
    """What CNI wrappers do: the namespace is there, reached by the pid of the state."""
    b = logging.sh("ip link show hcsC | grep -c hcsC")
    b.sh_hook("createRuntime", "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | head -1);"
              "nsenter -t $pid -n ip link add hcsC type veth peer name hcsD")
    assert runtime.run(b).out.strip() != "0"


@pytest.mark.host_view("in a VM the hook is in the root file system itself")
def test_create_container_hook_sees_the_rootfs_on_the_host_path(runtime, logging, log):
    b = logging.args("true")
    b.sh_hook("createContainer", f"test -e {b.rootfs}/bin/busybox && echo there >{log}/seen")
    runtime.run(b)
    assert (log / "seen").read_text() == "there\n"


@pytest.mark.host_view("in a VM the hook is in the root file system itself")
def test_create_container_hook_can_mount_into_the_rootfs(runtime, logging, log):
    """nvidia-container-toolkit and others do this."""
    b = logging.sh("cat /mnt/marker")
    (log / "marker").write_text("mounted by the hook\n")
    b.sh_hook("createContainer", f"mount --bind {log} {b.rootfs}/mnt")
    assert runtime.run(b).out == "mounted by the hook\n"


def test_start_container_hook_runs_inside(runtime, logging):
    b = logging.args("true")
    b.sh_hook("startContainer", "cat /etc/passwd | head -1 >/log/passwd; pwd >/log/cwd")
    runtime.run(b)
    source = b.mount_of("/log")["source"]
    assert open(f"{source}/passwd", encoding="utf-8").read().startswith("root:x:0:0:root:/root:/bin/sh")


def test_arguments_and_environment_are_the_hooks_own(runtime, logging, log):
    script = log / "hook"
    script.write_text(f'#!/bin/sh\n(for a; do echo "[$a]"; done; env) >{log}/out\n')
    script.chmod(0o755)
    b = logging.args("true")
    b.hook("createRuntime", script, ["name", "a b", ""], env=["ONLY=this", "PATH=/bin:/usr/bin"])
    runtime.run(b)
    lines = (log / "out").read_text().splitlines()
    assert lines[:2] == ["[a b]", "[]"]
    assert "ONLY=this" in lines
    assert not any(line.startswith("HOME=") for line in lines)


def test_large_state_does_not_block_a_hook_that_never_reads(runtime, logging):
    """256 KiB of annotations exceed a pipe; a hook that ignores stdin must not hang the runtime
    nor kill it by SIGPIPE."""
    logging.spec["annotations"] = {"big": "x" * (256 << 10)}
    b = logging.args("true").sh_hook("createRuntime", "exit 0").sh_hook("poststop", "exec sleep 0.1")
    runtime.run(b)


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_failure_fails_create(runtime, logging, kind):
    b = logging.sh("echo must not run").sh_hook(kind, "echo why >&2; exit 7")
    result = runtime.create_fails(b, says=[f"hooks.{kind}[0]", "7"])
    assert "must not run" not in result.out
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_failure_runs_poststop(runtime, logging, log, kind):
    """The spec: when create fails after its hooks began, the container is destroyed as by delete."""
    b = logging.args("true").sh_hook(kind, "exit 1").sh_hook("poststop", f"echo ran >{log}/poststop")
    runtime.create_fails(b)
    if not runtime.standin:
        assert (log / "poststop").exists()
    runtime.leftovers.assert_none()


def test_failure_of_start_container_fails_start(runtime, logging, log):
    b = logging.sh("echo must not run >/log/ran").sh_hook("startContainer", "exit 3")
    c = runtime.create(b)
    result = runtime("start", c.id, check=False)
    if not runtime.standin:
        runtime.assert_error(result, "hooks.startContainer[0]", "3")
    time.sleep(0.1)
    assert not (log / "ran").exists()
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("1.3 of the spec")
def test_failure_of_poststart_fails_start(runtime, logging):
    """Since 1.3 of the spec: start fails, the container is stopped and removed as by delete."""
    b = logging.args("sleep", "1000").sh_hook("poststart", "exit 4")
    c = runtime.create(b)
    runtime.fails("start", c.id, says=["hooks.poststart[0]", "4"])
    c.delete(force=True)
    runtime.leftovers.assert_none()


def test_failure_of_poststop_is_a_warning_only(runtime, logging, log):
    """The rest of the hooks and the delete go on."""
    b = logging.args("true").sh_hook("poststop", "exit 5").sh_hook("poststop", f"echo ran >{log}/second")
    c = runtime.start(b)
    c.wait_stopped()
    c.delete(check=not runtime.standin)
    if not runtime.standin:
        assert (log / "second").exists()
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_timeout(runtime, logging, kind):
    b = logging.args("true").sh_hook(kind, "exec sleep 1000", timeout=1)
    before = time.monotonic()
    runtime.create_fails(b, says=[f"hooks.{kind}[0]", "1000 ms"] if not runtime.standin else ())
    assert 0.9 < time.monotonic() - before < 5 * PATIENCE
    runtime.leftovers.assert_none()


def test_timeout_kills_the_children_too_or_does_not_wait_for_them(runtime, logging):
    length = 3 * PATIENCE
    b = logging.args("true").sh_hook("createRuntime", f"sleep {length} & wait", timeout=1)
    before = time.monotonic()
    runtime.create_fails(b)
    assert time.monotonic() - before < length - 0.5 or runtime.standin
    if not runtime.standin:
        runtime.leftovers.assert_none(patience=length + 1)
    else:
        runtime.leftovers.rebase()


def test_hook_within_its_timeout(runtime, logging):
    b = logging.sh("echo ran").sh_hook("createRuntime", "sleep 0.1", timeout=5)
    assert runtime.run(b).out == "ran\n"


def test_hook_that_dies_of_a_signal(runtime, logging):
    b = logging.args("true").sh_hook("createRuntime", "kill -SEGV $$")
    runtime.create_fails(b, says="hooks.createRuntime[0]")
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_missing_program(runtime, logging, kind):
    b = logging.args("true").hook(kind, "/no/such/hook")
    runtime.create_fails(b, says=["/no/such/hook", kind])
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
def test_relative_path_is_refused(runtime, logging):
    """The spec: path must be absolute."""
    b = logging.args("true").hook("createRuntime", "bin/sh")
    runtime.create_fails(b, says="hooks.createRuntime[0].path" if not runtime.standin else ())
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("checks by JSON path")
@pytest.mark.parametrize("hook,where_", [
    ({"path": "/bin/true", "timeout": 0}, "hooks.poststop[0].timeout"),
    ({"path": "/bin/true", "timeout": -1}, "hooks.poststop[0].timeout"),
    ({"path": "/bin/true", "args": "x"}, "hooks.poststop[0].args"),
    ({"args": ["x"]}, "hooks.poststop[0].path")])
def test_wrong_fields(runtime, logging, hook, where_):
    b = logging.args("true")
    b.spec["hooks"] = {"poststop": [hook]}
    runtime.create_fails(b, says=where_)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("runc 1.1 leaks three into createContainer hooks")
def test_hooks_get_no_descriptors_of_the_runtime(runtime, logging, log):
    b = logging.args("true").sh_hook("createRuntime", f"ls -l /proc/self/fd >{log}/fds")
    b.sh_hook("createContainer", f"ls -l /proc/self/fd >{where('createContainer', log, runtime)}/fds2")
    runtime.run(b)
    for name in ("fds", "fds2"):
        numbers = set()
        for line in (log / name).read_text().splitlines():
            if "->" in line and "/proc/" not in line.split("->")[1]:
                numbers.add(line.split("->")[0].split()[-1])
        assert numbers <= {"0", "1", "2"}, (log / name).read_text()


def test_poststop_runs_when_the_process_is_gone(runtime, logging, log):
    b = logging.args("sleep", "1000")
    c = runtime.create(b.sh_hook("poststop", f"test -d /proc/$(cat {log}/pid)/fd && ls /proc/$(cat {log}/pid)/fd"
                                 f" >{log}/alive; touch {log}/ran"))
    (log / "pid").write_text(str(c.pid))
    c.start()
    c.delete(force=True)
    assert (log / "ran").exists()
    assert not (log / "alive").exists() or (log / "alive").read_text() == ""
