"""Rootless: an ordinary user with subordinate ids and no rights over cgroups."""

import os
import shutil

import pytest

from host import host
from runtime import Running

USER, UID, SUB = "hcstest", 4242, 200000
pytestmark = pytest.mark.host_view("an ordinary user of the host")


@pytest.fixture
def account(work, runtime):
    """A user in this session's mount namespace only: bound over the files in /etc."""
    if not shutil.which("newuidmap"):
        pytest.fail("newuidmap (package uidmap) is needed")
    lines = {"passwd": f"{USER}:x:{UID}:{UID}::{work}:/bin/sh\n", "group": f"{USER}:x:{UID}:\n",
             "subuid": f"{USER}:{SUB}:65536\n", "subgid": f"{USER}:{SUB}:65536\n"}
    for name, line in lines.items():
        original = f"/etc/{name}"
        copy = work / f"etc-{name}"
        copy.write_text((open(original, encoding="utf-8").read() if os.path.exists(original) else "") + line)
        if not os.path.exists(original):
            pytest.fail(f"{original} is missing (package uidmap makes it)")
        host("mount", "--bind", copy, original)
    # where the binary under test lies may be closed to ordinary users
    binary = work / runtime.name
    shutil.copy2(runtime.binary, binary)
    binary.chmod(0o755)
    runtime.binary = str(binary)
    home = work / "home"
    home.mkdir(mode=0o700)
    os.chown(home, UID, UID)
    runtime.root = home / "root"
    runtime.leftovers.root = runtime.root
    runtime.leftovers.rebase()
    yield {"prefix": ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"],
           "env": {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": str(home),
                   "XDG_RUNTIME_DIR": str(home)}}
    runtime.close()
    for name in lines:
        host("umount", f"/etc/{name}")


@pytest.fixture
def rootless(bundle):
    """What `spec --rootless` prints, with a second range of mapped ids."""
    b = bundle(own_files=True).give_to(UID, UID)
    os.chown(b.path, UID, UID)
    b.namespace("user").without_namespace("network")
    b.linux["uidMappings"] = b.linux["gidMappings"] = [
        {"containerID": 0, "hostID": UID, "size": 1},
        {"containerID": 1, "hostID": SUB, "size": 65536}]
    del b.linux["resources"]
    b.without_mount("/sys").without_mount("/sys/fs/cgroup")
    b.mount("/sys", "none", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"])
    return b


def test_runs(runtime, rootless, account):
    result = runtime.run(rootless.sh("id -u; cat /proc/self/uid_map"), **account)
    lines = [line.split() for line in result.lines]
    assert lines == [["0"], ["0", str(UID), "1"], ["1", str(SUB), "65536"]]


def test_groups_are_mapped(runtime, rootless, account):
    out = runtime.run(rootless.sh("cat /proc/self/gid_map"), **account).lines
    assert [line.split() for line in out] == [["0", str(UID), "1"], ["1", str(SUB), "65536"]]


def test_single_mapping_without_helpers(runtime, rootless, account):
    """One id, one's own: no newuidmap is needed."""
    one = [{"containerID": 0, "hostID": UID, "size": 1}]
    rootless.linux["uidMappings"] = rootless.linux["gidMappings"] = one
    rootless.mount_of("/dev/pts")["options"].remove("gid=5")
    env = dict(account["env"], PATH="/nowhere")
    assert runtime.run(rootless.sh("id -u"), prefix=["/usr/bin/" + account["prefix"][0],
                                                     *account["prefix"][1:]], env=env).out == "0\n"


def test_lifecycle(runtime, rootless, account):
    rootless.write()
    cid = runtime.new_id()
    runtime("create", "-b", rootless.path, cid, **account)
    state = runtime("state", cid, **account).json
    assert state["status"] == "created"
    runtime("start", cid, **account)
    assert runtime("exec", cid, "echo", "in", **account).out == "in\n"
    assert cid in runtime("list", **account).out
    if not runtime.standin:
        assert runtime("state", cid, **account).json["owner"] == USER
    runtime("kill", cid, "KILL", **account)
    runtime("delete", "--force", cid, **account)
    runtime.leftovers.assert_none()


def test_other_users_of_the_container(runtime, rootless, account):
    rootless.user(1000, 1000).writable()
    (rootless.rootfs / "tmp").chmod(0o1777)
    runtime.run(rootless.sh("touch /tmp/mine"), **account)
    assert os.stat(rootless.rootfs / "tmp/mine").st_uid == SUB + 999


def test_own_network_namespace(runtime, rootless, account):
    rootless.namespace("network")
    out = runtime.run(rootless.sh("ls /sys/class/net >/dev/null; ip link | grep -c ': lo'"), **account).out
    assert out == "1\n"


def test_terminal(runtime, rootless, account, console):
    os.chmod(console.path, 0o777)
    rootless.process["terminal"] = True
    rootless.sh("tty; echo ok; sleep 1000").write()
    runtime("run", "-d", "--console-socket", console.path, "-b", rootless.path, runtime.new_id(), **account)
    console.receive().expect("ok")


def test_cgroups_of_the_host_are_not_writable(runtime, rootless, account):
    """CVE-2023-25809."""
    rootless.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    result = runtime.run(rootless.sh(
        "find /sys/fs/cgroup -maxdepth 2 -writable -type f 2>/dev/null | head -1;"
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do test -f $d/cgroup.procs && mkdir $d/x 2>/dev/null && echo made $d/x; done; true"),
        check=False, **account)
    assert result.out == ""


def test_limits_are_refused_by_name(runtime, rootless, account):
    """A limit that cannot be set is not passed over."""
    rootless.linux["resources"] = {"memory": {"limit": 1 << 26}}
    rootless.write()
    result = runtime("run", "-b", rootless.path, runtime.new_id(), check=False, **account)
    assert result.rc != 0
    runtime.assert_error(result, "linux.resources.memory")
    runtime.leftovers.assert_none()


def test_mapping_that_is_not_ours(runtime, rootless, account):
    """Ids outside /etc/subuid are refused by newuidmap; its message reaches the user."""
    rootless.linux["uidMappings"] = [{"containerID": 0, "hostID": UID, "size": 1},
                                     {"containerID": 1, "hostID": 900000, "size": 1000}]
    rootless.write()
    result = runtime("run", "-b", rootless.path, runtime.new_id(), check=False, **account)
    runtime.assert_error(result, "newuidmap")
    runtime.leftovers.assert_none()


def test_without_a_user_namespace(runtime, rootless, account):
    rootless.without_namespace("user")
    del rootless.linux["uidMappings"], rootless.linux["gidMappings"]
    rootless.write()
    result = runtime("run", "-b", rootless.path, runtime.new_id(), check=False, **account)
    runtime.assert_error(result)
    runtime.leftovers.assert_none()


def test_default_root_is_in_the_runtime_directory(runtime, rootless, account):
    """Without --root state goes below XDG_RUNTIME_DIR."""
    rootless.write()
    argv = [*account["prefix"], runtime.binary]
    cid = runtime.new_id()
    assert Running([*argv, "create", "-b", str(rootless.path), cid], env=account["env"]).wait().rc == 0
    found = [base for base, dirs, _files in os.walk(account["env"]["HOME"]) if cid in dirs]
    Running([*argv, "delete", "--force", cid], env=account["env"]).wait()
    assert found


def test_container_of_root_is_out_of_reach(runtime, bundle, account):
    """An ordinary user given root's state directory can do nothing with it."""
    ours = runtime.root
    runtime.root = runtime.work / "of-root"
    c = runtime.start(bundle())
    result = runtime("kill", c.id, "KILL", check=False, **account)
    assert result.rc != 0
    assert c.status == "running"
    c.delete(force=True)
    runtime.root = ours
