"""windows.layerFolders that names files: layers that are erofs images, over a scratch with ext4."""

import os
import random
import shutil
import signal
import stat
import subprocess

import pytest

import vm
from runtime import TIMEOUT, until
from test_layers import layered  # noqa: F401 (a fixture)
from test_scratch import loops

pytestmark = pytest.mark.peer_lacks("layerFolders")


def make_image(directory, path) -> str:
    subprocess.run(["mkfs.erofs", "--quiet", path, directory], check=True, capture_output=True)
    return str(path)


@pytest.fixture
def images(runtime, layered):  # noqa: F811
    """Three layers and a scratch, all of them files."""
    folders = layered.layers
    layered.images = [make_image(folders / name, folders / f"{name}.erofs") for name in ("top", "middle", "base")]
    for name in ("top", "middle", "base", "scratch"):
        shutil.rmtree(folders / name)
    layered.scratch = folders / "scratch.ext4"
    runtime("create-scratch", "--destpath", layered.scratch, "--sizeGB", 1)
    layered.spec["windows"]["layerFolders"] = [*layered.images, str(layered.scratch)]
    yield layered
    runtime.close()
    for path in (*layered.images, layered.scratch):
        until(lambda path=path: loops(path) == "")


def test_topmost_wins(runtime, images):
    b = images.sh("cd /etc; for f in all lower only-base only-middle only-top; do cat $f; echo; done")
    assert runtime.run(b).lines == ["top", "middle", "base", "middle", "top"]
    runtime.leftovers.assert_none()


def test_writes_are_kept_in_the_scratch_only(runtime, images):
    before = [open(path, "rb").read() for path in images.images]
    runtime.run(images.sh("echo first >/etc/new; echo changed >/etc/all; rm /etc/only-base; mkdir -m 1731 /newdir"))
    out = runtime.run(images.sh("cat /etc/new /etc/all; test -e /etc/only-base || echo removed; stat -c %a /newdir"))
    assert out.lines == ["first", "changed", "removed", "1731"]
    assert [open(path, "rb").read() for path in images.images] == before


def test_what_it_wrote_survives_a_kill(runtime, images):
    """Without a sync of its own, what it and an exec wrote is in its scratch all the same."""
    c = runtime.start(images.sh("echo written >/etc/late; echo up; exec sleep 1000"))
    c.until_output("up")
    c.exec("sh", "-c", "echo more >/etc/later")
    c.kill("KILL")
    c.wait_stopped()
    c.delete()
    assert runtime.run(images.sh("cat /etc/late /etc/later")).lines == ["written", "more"]


def test_nothing_else_is_in_its_mount_namespace(runtime, images):
    """Neither the layers' own mounts nor the root that was left."""
    c = runtime.start(images.sh("echo up; sleep 1000"))
    c.until_output("up")
    mounts = [line.split() for line in c.exec("cat", "/proc/self/mountinfo").out.splitlines()]
    assert [m[4] for m in mounts].count("/") == 1
    kinds = {m[m.index("-") + 1] for m in mounts}
    assert not kinds & {"erofs", "ext4", "virtiofs"}, mounts
    assert c.exec("ls", "/etc").out == c.exec("ls", "/proc/1/root/etc").out
    c.delete(force=True)


@pytest.mark.parametrize("count", [40, 124])
def test_many_layers(runtime, images, count):
    """One disk for all: a VM has room for eight devices."""
    folders = images.layers
    names = []
    for i in range(count):
        (folders / f"{i}").mkdir()
        (folders / f"{i}/file{i}").write_text(str(i))
        (folders / f"{i}/last").write_text(str(i))
        names.append(make_image(folders / f"{i}", folders / f"{i}.erofs"))
    images.spec["windows"]["layerFolders"][0:0] = names
    out = runtime.run(images.sh("ls -d /file* | wc -l; cat /last /file0 /file9 /etc/all")).out
    assert out == f"{count}\n009top"


def test_too_many_layers(runtime, images):
    images.spec["windows"]["layerFolders"][0:0] = images.images[:1] * 600
    runtime.run_fails(images, says=["windows.layerFolders", "more than"])
    runtime.leftovers.assert_none()


def test_two_containers_share_layers(runtime, bundle, images, work):  # noqa: F811
    first = runtime.start(images.sh("echo one >/etc/all; echo up; sleep 1000"))
    first.until_output("up")
    runtime("create-scratch", "--destpath", work / "second", "--sizeGB", 1)
    images.spec["windows"]["layerFolders"][-1] = str(work / "second")
    second = runtime.start(images.sh("cat /etc/all; sleep 1000"))
    assert until(lambda: second.out) == "top"


def test_one_container_at_a_time_has_a_scratch(runtime, images):
    c = runtime.start(images.sh("echo up; sleep 1000"))
    c.until_output("up")
    runtime.run_fails(images, says=["windows.layerFolders[3]", "in use by another container"])
    c.delete(force=True)
    assert until(lambda: runtime.run(images.sh("cat /etc/all"), check=False).out) == "top"


def test_killed_container_leaves_a_scratch_that_is_whole(runtime, images):
    c = runtime.start(images.sh("echo kept >/kept; sync; echo up; while :; do echo x >>/x; done"))
    c.until_output("up")
    os.kill(c.pid, signal.SIGKILL)
    c.wait_stopped()
    c.delete()
    assert until(lambda: runtime.run(images.sh("cat /kept"), check=False).out) == "kept\n"
    subprocess.run(["e2fsck", "-fp", images.scratch], check=False, capture_output=True)
    subprocess.run(["e2fsck", "-fn", images.scratch], check=True, capture_output=True)


def test_readonly_root(runtime, images):
    images.spec["root"] = {"path": "rootfs", "readonly": True}
    result = runtime.run(images.sh("cat /etc/all; touch /x 2>/dev/null || echo ' ro'"), check=False)
    assert result.out == "top ro\n", result


def test_binds_beside_layers(runtime, images, work):
    (work / "file").write_text("bound")
    assert runtime.run(images.sh("cat /mnt/file /etc/all").bind(work, "/mnt")).out == "boundtop"


@pytest.mark.host_view("rootfsPropagation \"shared\" is refused in hyperv isolation")
def test_shared_propagation_stays_inside(runtime, images):
    images.linux["rootfsPropagation"] = "shared"
    c = runtime.start(images.sh("echo up; sleep 1000"))
    c.until_output("up")
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(images.layers) not in table.read() and "erofs" not in table.read()
    c.delete(force=True)


def test_user_namespace(runtime, images):
    """It has no right to mount files; in a utility VM the mounts are the guest's, who makes the root."""
    images.map_user()
    if runtime.isolation == "hyperv":
        assert runtime.run(images.sh("cat /etc/all; id -u")).out == "top0\n"
        return
    runtime.run_fails(images, says=["windows.layerFolders[0]", "user namespace"])
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("content,says", [
    (b"", "erofs image"), (b"x" * 100000, "erofs image"),
    (b"\0" * 1024 + b"\xe2\xe1\xf5\xe0" + b"\0" * 8000, "whole blocks")])
def test_no_image(runtime, images, content, says):
    (images.layers / "odd").write_bytes(content)
    images.spec["windows"]["layerFolders"][1] = str(images.layers / "odd")
    runtime.run_fails(images, says=["windows.layerFolders[1]", says])
    runtime.leftovers.assert_none()


def test_scratch_without_a_file_system(runtime, images):
    images.scratch.write_bytes(b"no file system" * 4096)
    runtime.run_fails(images, says="scratch" if runtime.isolation == "hyperv" else "windows.layerFolders[3]")
    runtime.leftovers.assert_none()


def test_a_layer_may_be_a_directory(runtime, images, work):
    (work / "odd/etc").mkdir(parents=True)
    (work / "odd/etc/all").write_text("odd")
    images.spec["windows"]["layerFolders"][0] = str(work / "odd")
    assert runtime.run(images.sh("cat /etc/all /etc/lower")).out == "oddmiddle"


def test_scratch_may_be_a_directory(runtime, images, work):
    (work / "scratch").mkdir()
    images.spec["windows"]["layerFolders"][-1] = str(work / "scratch")
    runtime.run(images.sh("echo new >/etc/new"))
    assert runtime.run(images.sh("cat /etc/all /etc/new")).out == "topnew\n"
    assert (work / "scratch/upper/etc/new").read_text() == "new\n"


def test_full_scratch_is_no_space_and_nothing_worse(runtime, images):
    c = runtime.start(images.sh("echo up; sleep 1000"))
    c.until_output("up")
    full = c.exec_sh("dd if=/dev/zero of=/x bs=1M count=1100", check=False, timeout=20 * TIMEOUT)
    assert full.rc == 1 and "No space left on device" in full.err
    assert c.exec_sh("cat /etc/all; rm /x; echo room >/y; cat /y").out == "toproom\n"
    taken = os.stat(images.scratch).st_blocks
    if runtime.isolation == "hyperv":  # what the guest has freed is the host's again
        until(lambda: c.exec("sync") and os.stat(images.scratch).st_blocks < taken / 4)
    c.delete(force=True)


@pytest.mark.hyperv
def test_host_disk_full_is_an_error_in_the_guest(runtime, images, work):
    small = work / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=True)
    try:
        subprocess.run(["cp", "--sparse=always", images.scratch, small / "s"], check=True)
        images.spec["windows"]["layerFolders"][-1] = str(small / "s")
        c = runtime.start(images.sh("echo up; sleep 1000"))
        c.until_output("up")
        assert c.exec_sh("dd if=/dev/zero of=/x bs=1M count=64 conv=fsync", check=False).rc != 0
        assert c.exec("cat", "/etc/all").out == "top"
        c.delete(force=True)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.hyperv
@pytest.mark.parametrize("seed", range(4))
def test_corrupt_image_is_an_error_and_no_hang(runtime, images, seed):
    """What is behind the superblock is random: whatever the guest makes of it, it ends."""
    path = images.layers / "middle.erofs"
    noise = random.Random(seed)
    with open(path, "r+b") as image:
        size = os.fstat(image.fileno()).st_size
        image.seek(1024 + 128)
        image.write(noise.randbytes(size - 1024 - 128))
    result = runtime.run(images.sh("ls -laR /etc; cat /etc/*; echo through"), check=False)
    assert result.rc != 0 or "through" in result.out
    if result.rc:
        runtime.assert_error(result)
    images.spec["windows"]["layerFolders"][1] = images.images[2]
    assert runtime.run(images.sh("cat /etc/all")).out == "top"


@pytest.mark.hyperv
def test_guest_cannot_write_a_layer(runtime, images):
    """Whatever a container that owns its VM's devices does."""
    before = [open(path, "rb").read() for path in images.images]
    images.caps("CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE")
    images.resources["devices"] = [{"allow": True, "access": "rwm"}]
    images.process["noNewPrivileges"] = False
    result = runtime.run(images.sh("for d in /sys/block/vd*; do test $(cat $d/serial) = layers && cat $d/dev; done; true"))
    major, minor = result.out.strip().split(":")
    result = runtime.run(images.sh(f"mknod /dev/layers b {major} {minor} && head -c 2000 /dev/layers | wc -c; "
                                   "dd if=/dev/zero of=/dev/layers bs=4096 count=1 conv=fsync || echo refused"))
    assert result.lines == ["2000", "refused"]
    assert [open(path, "rb").read() for path in images.images] == before


@pytest.mark.hyperv
def test_no_name_of_the_host_is_in_the_vm(runtime, images):
    c = runtime.start(images.sh("cat /proc/mounts; sleep 1000"))
    mounts = until(lambda: c.out)
    assert "virtiofs" not in mounts.splitlines()[0] and str(images.layers) not in mounts
    for process in vm.everything(c):
        assert str(images.layers) not in " ".join(process.argv)
    assert any(str(images.scratch) == name for name in vm.part(c, "qemu").fds().values())
    c.delete(force=True)


@pytest.mark.hyperv
def test_host_does_not_mount_what_a_guest_has_written(runtime, images, work):
    """An ext4 file system is code for the kernel that mounts it."""
    runtime.run(images.sh("true"))
    runtime.isolation = "process"
    runtime.run_fails(images, says=["windows.layerFolders[3]", "a utility VM has had it"])
    runtime.isolation = "hyperv"
    (work / "folder").mkdir()
    images.spec["windows"]["layerFolders"][0] = str(work / "folder")
    runtime.run_fails(images, says=["windows.layerFolders[3]", "a utility VM has had it"])
    images.spec["windows"]["layerFolders"][0] = images.images[0]
    assert runtime.run(images.sh("cat /etc/all")).out == "top"


@pytest.mark.hyperv
def test_joining_a_vm(runtime, bundle, images, work):
    """No disk can be added to it: the host mounts the layers, which are its own."""
    owner = runtime.start(bundle().sh("echo up; sleep 1000"))
    owner.until_output("up")
    runtime.run_fails(images, "--host", owner.id, says=["windows.layerFolders[3]", "directory as its scratch"])
    (work / "scratch").mkdir()
    images.spec["windows"]["layerFolders"][-1] = str(work / "scratch")
    out = runtime.run(images.sh("cat /etc/all; echo new >/etc/new"), "--host", owner.id).out
    assert out == "top" and (work / "scratch/upper/etc/new").read_text() == "new\n"
    owner.delete(force=True)


def test_scratch_of_an_upper_directory(runtime, images, work):
    """A container goes on with a file where it had a directory."""
    (work / "scratch").mkdir()
    folders = images.spec["windows"]["layerFolders"]
    folders[-1] = str(work / "scratch")
    images.caps("CAP_CHOWN", "CAP_MKNOD", "CAP_FOWNER", "CAP_SETFCAP")
    script = ("echo kept >/etc/new; ln /etc/new /etc/link; rm /etc/only-base; rm -r /home; mkdir /home; "
              "mkdir -m 1731 /d; mkfifo /d/f; chown 3:4 /d/f; ln -s x /d/l; touch -d '2001-02-03 04:05:06' /d")
    runtime.isolation, wanted = "process", runtime.isolation
    runtime.run(images.sh(script))
    runtime.isolation = wanted
    upper = work / "scratch/upper"
    os.setxattr(upper / "etc/new", "user.x", b"y" * 500)
    os.setxattr(upper / "etc/new", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.utime(upper / "etc/new", ns=(1, 1234567890123456789))
    runtime("create-scratch", "--destpath", work / "file", "--sizeGB", 1, "--from", upper)
    assert os.stat(work / "file").st_blocks * 512 < 8 << 20
    assert subprocess.run(["e2fsck", "-fn", work / "file"], check=False, capture_output=True).returncode == 0
    mounted = work / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", work / "file", mounted], check=True)
    try:
        assert described(mounted / "upper") == described(upper)
    finally:
        subprocess.run(["umount", mounted], check=True)
    until(lambda: loops(work / "file") == "")
    folders[-1] = str(work / "file")
    out = runtime.run(images.sh("cat /etc/new; test -e /etc/only-base || echo removed; ls /home | wc -l; "
                                "stat -c '%a %u' /d /d/f"))
    assert out.lines == ["kept", "removed", "0", "1731 0", "644 3"]
    until(lambda: loops(work / "file") == "")


def described(root) -> dict:
    found = {}
    for base, dirs, files in os.walk(root):
        for path in [base, *(os.path.join(base, name) for name in dirs + files)]:
            st = os.lstat(path)
            # Overlay keeps one whiteout with many names, some of them in its work directory.
            links = 0 if stat.S_ISDIR(st.st_mode) or stat.S_ISCHR(st.st_mode) else st.st_nlink
            found[os.path.relpath(path, root)] = (
                st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_mtime_ns, links,
                {name: os.getxattr(path, name, follow_symlinks=False)
                 for name in os.listxattr(path, follow_symlinks=False)})
    return found


@pytest.mark.once("no container takes part")
def test_scratch_of_what_does_not_fit(runtime, work):
    (work / "large").mkdir()
    part = os.urandom(1 << 20)
    with open(work / "large/file", "wb") as file:
        for _ in range(1030):
            file.write(part)
    runtime.fails("create-scratch", "--destpath", work / "s", "--sizeGB", 1, "--from", work / "large",
                  says="No space left on device", timeout=20 * TIMEOUT)
    runtime.fails("create-scratch", "--destpath", work / "s", "--from", work / "missing", says="missing")
    assert not (work / "s").exists()
