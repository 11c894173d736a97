# SPDX-License-Identifier: Apache-2.0
"""The directories of the host that a guest sees."""
import os
import subprocess

import machine
from conftest import BUILD

# What a guest's program cannot have of a shared directory: virtiofsd has no CAP_SYS_ADMIN, which
# trusted.* takes, and lacks FUSE's operation for files without a name; ACLs are not passed on.
DIFFERENT = ["trusted xattr", "acl", "tmpfile"]


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def unmount(path):
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_files_behave_as_on_the_host(client, shared, tmp_path_factory):
    program = BUILD / "tests/vm/vmwp_semantics"
    here = tmp_path_factory.mktemp("host")
    for directory in (here, here.parent):
        directory.chmod(0o755)
    (shared / "program").write_bytes(program.read_bytes())
    (shared / "program").chmod(0o755)
    (shared / "w").mkdir()
    host = subprocess.run([program, *DIFFERENT], cwd=here, text=True, check=True,
                          capture_output=True).stdout
    names = " ".join(f"'{name}'" for name in DIFFERENT)
    guest, status = client.sh(f"cd /share/x/w && ../program {names}")
    assert status == 0
    assert guest.splitlines() == host.splitlines()
    assert len(host.splitlines()) > 80
    assert os.listdir(shared / "w") == []


def test_the_hosts_changes_are_seen_at_once(client, shared):
    file = shared / "f"
    client.sh("mkdir /tmp/x")
    for i in range(30):
        file.write_text(f"{i}\n")  # as long as before, and within the same clock tick at times
        assert client.sh("cat /share/x/f") == (f"{i}\n", 0)
    file.unlink()
    assert client.sh("cat /share/x/f")[1] == 1
    file.mkdir()
    (file / "new").touch()
    assert client.sh("ls /share/x/f") == ("new\n", 0)
    file.chmod(0o700)
    assert client.sh("stat -c %a /share/x/f") == ("700\n", 0)


def test_the_guests_changes_are_seen_at_once(client, shared):
    for i in range(20):
        assert client.sh(f"echo {i} > /share/x/f") == ("", 0)
        assert (shared / "f").read_text() == f"{i}\n"
    client.sh("mv /share/x/f /share/x/g; mkdir -m 750 /share/x/d; chown 7:8 /share/x/g")
    assert sorted(os.listdir(shared)) == ["d", "g"]
    assert (shared / "g").stat().st_uid == 7 and (shared / "g").stat().st_gid == 8
    assert (shared / "d").stat().st_mode & 0o7777 == 0o750


def test_an_open_file_follows_the_host(client, shared):
    (shared / "f").write_text("one\n")
    (shared / "go").touch()
    client.send(machine.REQUEST, 1, b"sh exec 3</share/x/f; read a <&3; echo ready > /share/x/said; "
                                    b"while [ -e /share/x/go ]; do :; done; read b <&3; echo $a $b")
    while not (shared / "said").exists() or not (shared / "said").read_text():
        pass
    with open(shared / "f", "a", encoding="ascii") as file:
        file.write("two\n")
    (shared / "go").unlink()
    assert client.expect(machine.RESPONSE)[1] == b"one two\nstatus 0"


def test_file_systems_are_kept_apart(client, vm, shared):
    """Inodes of the same number on different file systems are different files."""
    for name in ("a", "b"):
        (shared / name).mkdir()
        mount("-t", "tmpfs", "tmpfs", shared / name)
        for number in range(40):
            (shared / name / str(number)).write_text(f"{name}{number}")
    try:
        same = [(shared / n / "7").stat().st_ino for n in "ab"]
        assert same[0] == same[1]  # or the test says nothing
        machine.attach(vm.pid, str(shared), "/share/y")
        # With "/.": as with any automount, the point itself is the parent's until it is entered.
        devices, status = client.sh("stat -c %d /share/y/. /share/y/a/. /share/y/b/.")
        assert status == 0 and len(set(devices.split())) == 3
        assert client.sh("cd /share/y; find . -type f | wc -l") == ("80\n", 0)
        client.sh("cp -a /share/y /tmp/copy; tar cf /tmp/t.tar -C /share y; mkdir /tmp/u; "
                  "tar xf /tmp/t.tar -C /tmp/u")
        for where in ("/tmp/copy", "/tmp/u/y"):
            assert client.sh(f"cat {where}/a/7 {where}/b/7 {where}/b/39") == ("a7b7b39", 0)
        assert client.sh("find /share/y -xdev -type f | wc -l") == ("0\n", 0)
        assert client.sh("du -s /share/y/a /share/y/b | wc -l") == ("2\n", 0)
    finally:
        unmount(shared / "a")
        unmount(shared / "b")


def test_single_files(client, vm, shared):
    (shared / "one").write_text("1")
    machine.attach(vm.pid, str(shared / "one"), "/share/file")
    assert client.sh("cat /share/file; echo -n 2 >> /share/file") == ("1", 0)
    assert (shared / "one").read_text() == "12"


def test_read_only_is_enforced_by_the_host(client, vm, shared):
    (shared / "ro").mkdir()
    mount("--bind", shared / "ro", shared / "ro")
    mount("-o", "remount,bind,ro", shared / "ro")
    try:
        machine.attach(vm.pid, str(shared / "ro"), "/share/ro")
        output, status = client.sh("touch /share/ro/new")
        assert status == 1 and "Read-only file system" in output
        # A guest that is the attacker mounts it as it likes.
        output, status = client.sh("mount -o remount,rw /share/ro; echo x > /share/ro/new")
        assert status != 0
        assert os.listdir(shared / "ro") == []
    finally:
        unmount(shared / "ro")


def test_nothing_but_the_share(client, shared):
    """Links lead where the guest's own files are."""
    (shared / "etc").symlink_to("/etc")
    (shared / "up").symlink_to("../../../../../etc/passwd")
    assert client.sh("cat /share/x/up")[1] == 1
    assert client.sh("ls /share/x/etc/")[1] == 1
    assert client.sh("ls -a /share/..; ls /share/../share")[0].count("x") >= 1


def test_the_root_is_the_hosts(client, vm, shared):
    """Nothing can be put where the host will attach."""
    for attack in ("mkdir /share/y", "ln -s /usr /share/y", "mv /share/x /share/y", "rmdir /share/x",
                   "mount -o remount,rw /share; touch /share/y", "chmod 777 /share"):
        assert client.sh(attack)[1] != 0, attack
    assert client.sh("touch /share/x/f; ls /share") == ("x\n", 0)
    machine.attach(vm.pid, str(shared), "/share/y")
    assert client.sh("ls /share/y") == ("f\n", 0)


def test_what_is_attached_goes_again(client, vm, shared):
    (shared / "f").write_text("here")
    assert client.sh("cat /share/x/f") == ("here", 0)

    def detach():
        assert machine.libc.umount2(b"/share/x", 2) == 0
        os.rmdir("/share/x")
    assert machine.in_mount_namespace(vm.pid, detach) == 0
    assert client.sh("ls /share") == ("", 0)
