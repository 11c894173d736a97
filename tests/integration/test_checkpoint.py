"""checkpoint and restore: a container's processes to files and back, by the criu program."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime import until

pytestmark = pytest.mark.host_view("criu dumps processes of the host's kernel")

COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"


def criu_reason(log: Path, printed: str) -> str:
    """What criu says went wrong; that it may not raise limits is no reason."""
    text = log.read_text(errors="replace") if log.exists() else printed
    errors = [line for line in text.splitlines()
              if "Error (" in line and "rlimit" not in line and "FAILED" not in line]
    return errors[0].split("): ", 1)[-1] if errors else printed.strip()[-200:]


def why_criu_cannot(work: Path) -> str:
    """Dump and restore a plain process; an empty text when that works."""
    criu = shutil.which("criu")
    if not criu:
        return "no criu program"
    images = work / "images"
    images.mkdir()
    process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        for command in (["dump", "-t", str(process.pid)], ["restore", "-d"]):
            log = images / f"{command[0]}.log"
            done = subprocess.run([criu, *command, "-D", images, "-o", log.name, "-v4"], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                  stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                version = subprocess.run([criu, "--version"], capture_output=True, text=True,
                                         check=False).stdout.split()
                return (f"criu {version[1] if len(version) > 1 else '?'} cannot {command[0]} a plain "
                        f"process on kernel {os.uname().release}: "
                        f"{criu_reason(log, done.stdout)}")
            if command[0] == "dump":
                process.wait(10)
        return ""
    finally:
        # The restored one has the same pid, and is our child through the subreaper.
        try:
            os.kill(process.pid, 9)
            os.waitpid(process.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


@pytest.fixture(scope="session")
def criu(session_dir):
    work = session_dir / "criu"
    work.mkdir()
    if reason := why_criu_cannot(work):
        pytest.skip(reason)


@pytest.fixture
def resource_right():
    """criu reads the limits of what it dumps: prlimit(2) of another user's process wants the right."""
    effective = re.search(r"^CapEff:\t(\w+)", Path("/proc/self/status").read_text(), re.M)
    if not int(effective[1], 16) >> 24 & 1:
        pytest.skip("without CAP_SYS_RESOURCE criu cannot dump another user's process")


@pytest.fixture
def images(work):
    return work / "images"


def last(text: str) -> int:
    whole = re.findall(r"^(\d+)\n", text, re.M)
    return int(whole[-1]) if whole else 0


def counter(runtime, bundle, *options):
    c = runtime.start(bundle.sh(COUNTER).writable(), *options)
    c.until_output("^3\n")
    return c


def dump(c, images, *options, **kw):
    return c.runtime("checkpoint", "--image-path", images, *options, c.id, **kw)


def restore(runtime, bundle, images, *options, cid=None, **kw):
    """`restore --detach`; the container with the output of the restored processes."""
    cid = cid or runtime.new_id()
    c = runtime.container(cid)
    c.created = runtime("restore", "-d", "--image-path", images, "-b", bundle.path, *options, cid,
                        **kw)
    c.bundle = bundle
    return c


def goes_on(c, after: int) -> None:
    """The counter counts on from where it was, into the output of the restore command."""
    until(lambda: last(c.out) > after + 1, what=lambda: f"no counting on from {after}: {c.out!r}")
    first = int(c.out.split("\n", 1)[0])
    assert after <= first <= after + 2, f"stopped at {after}, went on with {first}"


def test_checkpoint_and_restore(runtime, bundle, images, criu):
    b = bundle()
    c = counter(runtime, b)
    dump(c, images)
    runtime.fails("state", c.id, says="does not exist")
    at = last(c.out)
    again = restore(runtime, b, images, cid=c.id)
    assert again.status == "running"
    goes_on(again, at)
    assert again.exec("echo", "inside").out == "inside\n"
    again.kill("KILL")
    again.wait_stopped()
    again.delete()
    runtime.leftovers.assert_none()


def test_checkpoint_leaves_nothing(runtime, bundle, images, criu):
    dump(counter(runtime, bundle()), images)
    runtime.leftovers.assert_none()


def test_leave_running(runtime, bundle, images, criu):
    c = counter(runtime, bundle())
    dump(c, images, "--leave-running")
    at = last(c.out)
    assert c.status == "running"
    until(lambda: last(c.out) > at + 1)


def test_paused_container_stays_paused(runtime, bundle, images, criu):
    c = counter(runtime, bundle())
    c.pause()
    dump(c, images, "--leave-running")
    assert c.status == "paused"
    c.resume()
    at = last(c.out)
    until(lambda: last(c.out) > at)


def test_restore_under_another_id_and_cgroup(runtime, bundle, images, criu):
    b = bundle()
    c = counter(runtime, b)
    dump(c, images, "--leave-running")
    copy = restore(runtime, b, images)
    assert copy.id != c.id
    until(lambda: last(copy.out) > 3)
    mine, theirs = (Path(f"/proc/{x.pid}/cgroup").read_text() for x in (copy, c))
    assert copy.id in mine and c.id not in mine
    assert c.id in theirs
    assert len(copy.runtime("ps", "-f", "json", copy.id).json) >= 1


def test_restore_into_a_fresh_root(runtime, bundle, images, work, criu):
    """The mount points that the first start made are made again."""
    source = work / "source"
    source.mkdir()
    (source / "file").write_text("one\n")
    hosts = work / "hosts"
    hosts.write_text("hosts\n")
    first = bundle()
    first.bind(source, "/data/deep", "rbind").bind(hosts, "/etc/hosts", "bind", "ro")
    c = counter(runtime, first)
    dump(c, images)
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("two\n")
    second = bundle()
    second.spec = first.spec
    second.mount_of("/data/deep")["source"] = str(elsewhere)
    second.write()
    again = restore(runtime, second, images)
    assert again.exec("cat", "/data/deep/file").out == "two\n", "the bundle's source counts"
    assert again.exec("cat", "/etc/hosts").out == "hosts\n"
    assert again.exec_sh("echo x >/etc/hosts", check=False).rc != 0, "read-only again"


def test_masks_and_limits_come_back(runtime, bundle, images, criu):
    b = bundle()
    b.resources["pids"] = {"limit": 77}
    script = ("wc -c </proc/keys; ls /sys/firmware | wc -l; touch /proc/sys/x 2>&1 | grep -c .; "
              "grep -E 'Cap|NoNew|Seccomp:' /proc/1/status; ulimit -n; readlink /proc/1/exe")
    c = counter(runtime, b)
    before = c.exec_sh(script).out
    dump(c, images)
    again = restore(runtime, b, images)
    assert again.exec_sh(script).out == before
    for line in Path(f"/proc/{again.pid}/cgroup").read_text().splitlines():
        _number, names, path = line.split(":", 2)
        if names == "pids":
            assert Path(f"/sys/fs/cgroup/pids{path}/pids.max").read_text() == "77\n"


def test_tmpfs_content_and_children_come_back(runtime, bundle, images, criu):
    b = bundle().tmpfs("/scratch").sh("echo kept >/scratch/f; sleep 1000 & sleep 1001 & echo up; wait")
    c = runtime.start(b)
    c.until_output("up")
    dump(c, images)
    again = restore(runtime, b, images)
    assert again.exec("cat", "/scratch/f").out == "kept\n"
    args = again.exec("ps", "-o", "args").out
    assert "sleep 1000" in args and "sleep 1001" in args


def test_pid_file(runtime, bundle, images, work, criu):
    b = bundle()
    dump(counter(runtime, b), images)
    again = restore(runtime, b, images, "--pid-file", work / "pid")
    assert int((work / "pid").read_text()) == again.pid


def test_foreground_restore_passes_exit_status(runtime, bundle, images, criu):
    b = bundle().sh("trap 'exit 43' TERM; echo up; while :; do sleep 0.05; done")
    c = runtime.start(b)
    c.until_output("up")
    dump(c, images)
    running = runtime.spawn("restore", "--image-path", images, "-b", b.path, c.id)
    until(lambda: c.id in runtime.ids() and c.status == "running")
    running.popen.terminate()
    assert running.wait().rc == 43
    runtime.running.remove(running)
    runtime.leftovers.assert_none()


def test_foreground_run_ends_with_the_checkpoint(runtime, bundle, images, criu):
    b = bundle().sh(COUNTER).writable()
    b.write()
    cid = runtime.new_id()
    running = runtime.spawn("run", "-b", b.path, cid)
    running.until_output("^3\n|\n3\n")
    dump(runtime.container(cid), images)
    assert running.wait().rc == 137
    runtime.running.remove(running)
    runtime.leftovers.assert_none()


def test_terminal_goes_to_the_console_socket(runtime, bundle, images, console, criu):
    b = bundle().sh("echo ready; while read l; do echo \"<$l>\"; done")
    b.process["terminal"] = True
    c = runtime.start(b, "--console-socket", console.path)
    console.receive().expect("ready")
    dump(c, images)
    restore(runtime, b, images, "--console-socket", console.path, cid=c.id)
    screen = console.receive()
    screen.type("hello\n")
    screen.expect("<hello>")


def test_network_namespace_given_by_path(runtime, bundle, images, helper, criu):
    holder = helper("unshare", "-n", "sleep", "1000")
    until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    b = bundle().namespace("network", f"/proc/{holder.pid}/ns/net")
    c = counter(runtime, b)
    dump(c, images)
    again = restore(runtime, b, images)
    assert (os.readlink(f"/proc/{again.pid}/ns/net")
            == os.readlink(f"/proc/{holder.pid}/ns/net"))


def test_hooks_that_set_up_the_network_run_again(runtime, bundle, images, work, criu):
    b = bundle()
    c = counter(runtime, b)
    dump(c, images)
    b.sh_hook("createRuntime", f"cat >{work}/state")
    b.write()
    again = restore(runtime, b, images)
    state = json.loads((work / "state").read_text())
    assert state["id"] == again.id
    assert state["pid"] == again.pid


def test_failing_hook_takes_the_restore_back(runtime, bundle, images, criu):
    b = bundle()
    dump(counter(runtime, b), images)
    b.sh_hook("createRuntime", "exit 9")
    b.write()
    runtime.fails("restore", "-d", "--image-path", images, "-b", b.path, runtime.new_id(),
                  says="hooks.createRuntime")
    runtime.leftovers.assert_none()


def test_images_that_are_none(runtime, bundle, images, criu):
    b = bundle()
    b.write()
    images.mkdir()
    runtime.fails("restore", "-d", "--image-path", images, "-b", b.path, runtime.new_id(),
                  says="descriptors.json")
    runtime.leftovers.assert_none()


def test_damaged_images(runtime, bundle, images, work, criu):
    b = bundle()
    dump(counter(runtime, b), images)
    for image in images.glob("core-*.img"):
        image.write_bytes(b"garbage!" * 4)
    logs = work / "logs"
    cid = runtime.new_id()
    runtime.fails("restore", "-d", "--image-path", images, "--work-path", logs, "-b", b.path, cid,
                  says=["criu", str(logs / "restore.log")])
    assert (logs / "restore.log").exists()
    runtime.leftovers.assert_none()


def test_restore_over_an_existing_id(runtime, bundle, images, criu):
    b = bundle()
    c = counter(runtime, b)
    dump(c, images, "--leave-running")
    runtime.fails("restore", "-d", "--image-path", images, "-b", b.path, c.id,
                  says=["already exists", c.id])
    assert c.status == "running"


@pytest.mark.parametrize("state", ["created", "stopped"])
def test_only_what_runs_can_be_checkpointed(runtime, bundle, images, state):
    c = runtime.create(bundle())
    if state == "stopped":
        c.start()
        c.kill("KILL")
        c.wait_stopped()
    runtime.fails("checkpoint", "--image-path", images, c.id, says=["checkpoint", state])
    assert not images.exists()


def test_unknown_container(runtime, images):
    runtime.fails("checkpoint", "--image-path", images, "nobody", says="does not exist")


def test_without_the_criu_program(runtime, bundle, images, work):
    c = runtime.start(bundle())
    empty = work / "empty"
    empty.mkdir()
    env = {**os.environ, "PATH": str(empty)}
    runtime.fails("checkpoint", "--image-path", images, c.id, env=env,
                  says=["checkpoint", "criu", "apt-get install criu"])
    assert c.status == "running"
    images.mkdir(exist_ok=True)
    runtime.fails("restore", "-d", "--image-path", images, "-b", c.bundle.path, runtime.new_id(),
                  env=env, says=["restore", "criu", "apt-get install criu"])


def test_a_failed_dump_leaves_the_container_running(runtime, bundle, images, work):
    """Whatever criu cannot do: here a criu that ends at once."""
    fake = work / "bin"
    fake.mkdir()
    (fake / "criu").write_text("#!/bin/sh\nexit 1\n")
    (fake / "criu").chmod(0o755)
    c = runtime.start(bundle())
    runtime.fails("checkpoint", "--image-path", images, c.id, says="criu",
                  env={**os.environ, "PATH": f"{fake}:{os.environ['PATH']}"})
    assert c.status == "running"


def test_pre_dump_says_what_it_needs_or_works(runtime, bundle, images, work, criu):
    b = bundle()
    c = counter(runtime, b)
    result = dump(c, work / "pre", "--pre-dump", check=False)
    if result.rc != 0:
        runtime.assert_error(result, "MEM_SOFT_DIRTY", "--pre-dump")
        assert c.status == "running"
        return
    assert c.status == "running"
    dump(c, images, "--parent-path", "../pre")
    again = restore(runtime, b, images)
    until(lambda: last(again.out) > 3)


LOCK = r"""
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int fd = open("/lock", O_RDWR | O_CREAT, 0600);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		puts("held by another");
		return 1;
	}
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}
"""


def test_file_locks_need_the_option(runtime, bundle, images, work, compile_c, criu):
    b = bundle().writable()
    b.args(b.install(compile_c("lock", LOCK)))
    c = runtime.start(b)
    c.until_output("held")
    runtime.fails("checkpoint", "--image-path", images, "--work-path", work / "logs", c.id,
                  says=["criu", "lock", str(work / "logs/dump.log")])
    assert c.status == "running"
    dump(c, images, "--file-locks")
    again = restore(runtime, b, images, "--file-locks")
    assert again.exec("/bin/lock", check=False).out == "held by another\n"


def test_cgroup_namespace(runtime, bundle, images, criu):
    b = bundle().namespace("cgroup")
    c = counter(runtime, b)
    before = c.exec("cat", "/proc/1/cgroup").out
    dump(c, images)
    again = restore(runtime, b, images, cid=c.id)
    assert again.exec("cat", "/proc/1/cgroup").out == before


def test_user_namespace(runtime, bundle, images, resource_right, criu):
    b = bundle(own_files=True).map_user()
    b.give_to(100000, 100000)
    c = counter(runtime, b)
    dump(c, images)
    again = restore(runtime, b, images)
    until(lambda: last(again.out) > 3)
    assert again.exec("cat", "/proc/self/uid_map").out.split() == ["0", "100000", "65536"]
    assert os.stat(f"/proc/{again.pid}").st_uid == 100000


def test_user_comes_back(runtime, bundle, images, resource_right, criu):
    b = bundle().user(1000, 1000)
    c = counter(runtime, b)
    dump(c, images)
    again = restore(runtime, b, images)
    until(lambda: last(again.out) > 3)
    status = Path(f"/proc/{again.pid}/status").read_text()
    assert re.search(r"^Uid:\t1000\t1000", status, re.M)


def test_seccomp_comes_back(runtime, bundle, images, criu):
    b = bundle()
    b.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                          "syscalls": [{"names": ["mkdir", "mkdirat"],
                                        "action": "SCMP_ACT_ERRNO"}]}
    c = counter(runtime, b)
    dump(c, images)
    again = restore(runtime, b, images)
    until(lambda: last(again.out) > 3)
    status = Path(f"/proc/{again.pid}/status").read_text()
    assert re.search(r"^Seccomp:\t2$", status, re.M)


def test_checkpoint_twice(runtime, bundle, images, work, criu):
    b = bundle()
    c = counter(runtime, b)
    dump(c, images)
    again = restore(runtime, b, images, cid=c.id)
    until(lambda: last(again.out) > 3)
    at = last(again.out)
    dump(again, work / "second")
    at = last(again.out)
    third = restore(runtime, b, work / "second", cid=c.id)
    goes_on(third, at)


@pytest.mark.peer_lacks("layerFolders")
@pytest.mark.parametrize("scratch", ["directory", "file"])
def test_root_of_layers(runtime, bundle, images, work, template, criu, scratch):
    b = bundle()
    shutil.rmtree(b.rootfs)
    del b.spec["root"]
    if scratch == "directory":
        (work / "scratch").mkdir()
    else:
        runtime("create-scratch", "--destpath", work / "scratch", "--sizeGB", 1)
    b.spec["windows"] = {"layerFolders": [str(template), str(work / "scratch")]}
    c = runtime.start(b.sh(f"echo kept >/kept; {COUNTER}"))
    c.until_output("^3\n")
    dump(c, images)
    again = restore(runtime, b, images)
    until(lambda: last(again.out) > 3)
    assert again.exec("cat", "/kept").out == "kept\n"
