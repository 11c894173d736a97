"""A scratch that is a file: `create-scratch`, and layers over it."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from runtime import until
from test_layers import layered, snapshot  # noqa: F401 (a fixture)

pytestmark = pytest.mark.peer_lacks("create-scratch")


def loops(path) -> str:
    return subprocess.run(["losetup", "-n", "-O", "NAME", "-j", path], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.fixture
def filed(runtime, layered):  # noqa: F811
    """Layers whose scratch is a file."""
    shutil.rmtree(layered.layers / "scratch")
    layered.scratch = layered.layers / "scratch"
    runtime("create-scratch", "--destpath", layered.scratch, "--sizeGB", 1)
    yield layered
    until(lambda: loops(layered.scratch) == "")


def test_layers_over_a_file(runtime, filed):
    b = filed.sh("cd /etc; for f in all lower only-base only-middle only-top; do cat $f; echo; done")
    assert runtime.run(b).lines == ["top", "middle", "base", "middle", "top"]
    runtime.leftovers.assert_none()


def test_writes_are_kept_in_the_file_only(runtime, filed):
    before = {n: snapshot(filed.layers / n) for n in ("top", "middle", "base")}
    runtime.run(filed.sh("echo first >/etc/new; rm /etc/only-base; mkdir /newdir; chmod 1731 /newdir"))
    assert {n: snapshot(filed.layers / n) for n in before} == before
    out = runtime.run(filed.sh("cat /etc/new; test -e /etc/only-base || echo removed; stat -c %a /newdir")).lines
    assert out == ["first", "removed", "1731"]


def test_size_is_the_limit(runtime, filed):
    result = runtime.run(filed.sh("df -m / | tail -1; dd if=/dev/zero of=/x bs=1M count=1100 2>&1 | grep -o 'No space.*'"))
    assert 900 < int(result.lines[0].split()[1]) <= 1024
    assert result.lines[1] == "No space left on device"


def test_mount_is_the_containers_alone(runtime, filed):
    c = runtime.start(filed.sh("echo up; sleep 1000"))
    c.until_output("up")
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert "/dev/loop" not in "".join(line for line in table if str(filed.layers) in line)
    assert loops(filed.scratch)
    assert c.exec("cat", "/etc/all").out == "top"
    assert "loop" not in c.exec("cat", "/proc/mounts").out
    c.kill("KILL")
    c.wait_stopped()
    until(lambda: loops(filed.scratch) == "")
    c.delete()
    runtime.leftovers.assert_none()


def test_device_rules_do_not_matter(runtime, filed):
    filed.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    assert runtime.run(filed.sh("cat /etc/all")).out == "top"


def test_one_container_at_a_time(runtime, filed):
    c = runtime.start(filed.sh("echo up; sleep 1000"))
    c.until_output("up")
    runtime.run_fails(filed, says=["windows.layerFolders[3]", "in use by another container"])
    c.delete(force=True)
    until(lambda: loops(filed.scratch) == "")
    assert runtime.run(filed.sh("cat /etc/all")).out == "top"


def test_run_after_run(runtime, filed):
    """The end of one is not so slow that the next finds the file in use."""
    for i in range(5):
        assert runtime.run(filed.sh(f"cat /n 2>/dev/null; echo {i} >/n")).out == ("" if i == 0 else f"{i - 1}\n")


@pytest.mark.parametrize("content", [b"", b"no file system" * 1000])
def test_no_file_system(runtime, filed, content):
    filed.scratch.write_bytes(content)
    runtime.run_fails(filed, says=f"windows.layerFolders[3] ({filed.scratch})")
    runtime.leftovers.assert_none()


def test_failed_create_gives_the_device_back(runtime, filed):
    runtime.create_fails(filed.args("/no/such/program"), rc=127)
    runtime.create_fails(filed.sh("true").bind("/no/such/source", "/x"))
    until(lambda: loops(filed.scratch) == "")
    runtime.leftovers.assert_none()


@pytest.mark.host_view("rootfsPropagation \"shared\" is refused in hyperv isolation")
def test_shared_propagation_stays_inside(runtime, filed):
    filed.linux["rootfsPropagation"] = "shared"
    c = runtime.start(filed.sh("echo up; sleep 1000"))
    c.until_output("up")
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(filed.layers) not in table.read()
    c.delete(force=True)


def test_user_namespace(runtime, filed):
    """It has no right to mount the file; in a utility VM it is the guest's, and the mount the host's."""
    filed.map_user()
    if runtime.isolation == "hyperv":
        assert runtime.run(filed.sh("cat /etc/all")).out == "top"
        return
    runtime.run_fails(filed, says=["windows.layerFolders[3]", "user namespace"])
    runtime.leftovers.assert_none()


def test_killed_creates_leave_no_device(runtime, filed):
    filed.write()
    for i in range(15):
        process = subprocess.Popen([runtime.binary, "--root", runtime.root, "create", "-b", filed.path, f"k{i}"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(i * 0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        runtime("delete", "--force", f"k{i}", check=False)
        until(lambda: loops(filed.scratch) == "")


once = pytest.mark.once("no container takes part")


@once
def test_create_scratch(runtime, work):
    runtime("create-scratch", "--destpath", work / "s")
    st = os.stat(work / "s")
    assert st.st_size == 20 << 30 and st.st_blocks * 512 < 4 << 20 and st.st_mode & 0o777 == 0o600
    subprocess.run(["e2fsck", "-fn", work / "s"], check=True, capture_output=True)


@once
def test_create_scratch_relative(runtime, work):
    assert runtime("create-scratch", "--sizeGB=2", "--destpath=-s", cwd=work).out == ""
    assert os.path.getsize(work / "-s") == 2 << 30


@once
def test_create_scratch_does_not_overwrite(runtime, work):
    (work / "s").write_text("mine")
    (work / "link").symlink_to(work / "elsewhere")
    for name in ("s", "link"):
        runtime.fails("create-scratch", "--destpath", work / name, says=f"{name}: exists already")
    assert (work / "s").read_text() == "mine" and not (work / "elsewhere").exists()


@once
@pytest.mark.parametrize("options,says", [
    ([], "--destpath"), (["--destpath", ""], "--destpath"), (["--destpath", "s", "--sizeGB", "0"], "--sizeGB"),
    (["--destpath", "s", "--sizeGB", "16384"], "--sizeGB"), (["--destpath", "s", "--sizeGB", "1.5"], "--sizeGB"),
    (["--destpath", "s", "--sizeGB", "-1"], "--sizeGB"), (["--destpath", "no/s"], "no/s"),
    (["--destpath", "s/"], "not the path of a file"), (["--destpath", "."], "not the path of a file")])
def test_create_scratch_refuses(runtime, work, options, says):
    runtime.fails("create-scratch", *options, says=says, cwd=work)
    assert os.listdir(work) == []


@once
def test_create_scratch_needs_mkfs(runtime, work):
    runtime.fails("create-scratch", "--destpath", "s", says="e2fsprogs", cwd=work, env={"PATH": "/nowhere"})
    assert os.listdir(work) == []


@once
def test_failed_mkfs_leaves_nothing(runtime, work):
    (work / "bin").mkdir()
    (work / "bin/mkfs.ext4").write_text("#!/bin/sh\necho it is broken; exit 3\n")
    (work / "bin/mkfs.ext4").chmod(0o755)
    runtime.fails("create-scratch", "--destpath", "s", says="mkfs.ext4: it is broken", cwd=work,
                  env={"PATH": f"{work}/bin"})
    assert os.listdir(work) == ["bin"]


# Runs the rest of its arguments where open(2) knows no O_TMPFILE, as on many file systems of a network.
NO_TMPFILE = r"""
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 99;
	execv(argv[1], argv + 1);
	return 98;
}
"""


@once
def test_file_systems_without_unnamed_files(runtime, work, compile_c):
    """The file has its name from the beginning, and loses it when it fails."""
    def create(path):
        return subprocess.run([compile_c("no-tmpfile", NO_TMPFILE), runtime.binary, "create-scratch", "--sizeGB", "1",
                               "--destpath", work / "s"], env={"PATH": path}, check=False, capture_output=True)
    done = create("/usr/sbin")
    assert done.returncode == 0, done
    assert os.path.getsize(work / "s") == 1 << 30
    assert b"exists already" in create("/usr/sbin").stderr
    (work / "s").unlink()
    assert b"e2fsprogs" in create("/nowhere").stderr
    assert os.listdir(work) == []
