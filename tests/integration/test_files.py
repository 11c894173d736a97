"""Files in and out of containers, by compute_files (src/compute/files.h): what `hcs cp` and `hcs commit` stand on."""

import errno
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile

import pytest

from bundle import link_tree
from conftest import REPOSITORY
from runtime import PATIENCE

pytestmark = pytest.mark.peer_lacks("compute_files")


@pytest.fixture
def files(runtime):
    """files(container, kind, path, ...) -> bytes, or the errno as a negative number."""
    build = os.path.dirname(os.path.abspath(os.environ.get("HCS_RUNTIME", REPOSITORY / "build/runhcs")))
    tool = f"{build}/tests/integration/files_tool"
    assert os.access(tool, os.X_OK), tool

    def call(c, *args, data=b"", letters=()):
        done = subprocess.run([tool, *letters, str(runtime.root), c.id, *args], input=data,
                              capture_output=True, timeout=60 * PATIENCE, check=False)
        if done.returncode:
            code, _, call.error = done.stderr.decode().partition(" ")
            return -int(code)
        return done.stdout

    call.error = ""
    return call


def members(data: bytes) -> dict:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: m for m in tar.getmembers()}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.extractfile(name).read()


def archive(**entries) -> bytes:
    """name=content, name=None: a directory; / is written as __"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", errors="surrogateescape") as tar:
        for name, text in entries.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.uid = info.gid = 1234
            info.mode = 0o755 if text is None else 0o640
            if text is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(text)
            tar.addfile(info, io.BytesIO(text or b""))
    return out.getvalue()


@pytest.fixture
def busy(runtime, bundle):
    """A running container with something to copy, and a tmpfs."""
    b = bundle().sh("mkdir -p /d/sub /mnt/t; echo hello >/d/file; chmod 640 /d/file; ln -s file /d/link; echo hello >/d/all;"
                    "chown 12:34 /d/file; ln -s /d /abs; head -c 3000000 /dev/zero | tr '\\0' x >/d/sub/big;"
                    "echo in-tmpfs >/tmp/only; echo ready; sleep 1000")
    c = runtime.start(b.writable().caps("CAP_CHOWN").tmpfs("/tmp"))
    c.until_output("ready")
    return c


def test_stat(files, busy):
    found = json.loads(files(busy, "stat", "/d/file"))
    assert stat.S_ISREG(found["mode"]) and stat.S_IMODE(found["mode"]) == 0o640
    assert (found["uid"], found["gid"], found["size"]) == (12, 34, 6)
    assert json.loads(files(busy, "stat", "/d/link"))["link"] == "file"
    assert stat.S_ISREG(json.loads(files(busy, "stat", "/d/link", letters=["-f"]))["mode"])
    assert stat.S_ISDIR(json.loads(files(busy, "stat", "/abs", letters=["-f"]))["mode"])
    assert files(busy, "stat", "/d/nothing") == -errno.ENOENT
    assert "/d/nothing" in files.error
    assert files(busy, "stat", "/d/file/below") == -errno.ENOTDIR


def test_pack_a_directory(files, busy):
    data = files(busy, "pack", "/d", "copy")
    found = members(data)
    assert sorted(found) == ["copy", "copy/all", "copy/file", "copy/link", "copy/sub", "copy/sub/big"]
    assert content(data, "copy/sub/big") == b"x" * 3000000
    assert (found["copy/file"].uid, found["copy/file"].gid, found["copy/file"].mode) == (12, 34, 0o640)
    assert found["copy/link"].linkname == "file"


def test_pack_a_link_or_what_it_points_to(files, busy):
    assert members(files(busy, "pack", "/d/link", "x"))["x"].issym()
    assert content(files(busy, "pack", "/d/link", "x", letters=["-f"]), "x") == b"hello\n"


def test_mounts_are_seen(files, busy):
    assert content(files(busy, "pack", "/tmp/only", "x"), "x") == b"in-tmpfs\n"
    whole = members(files(busy, "pack", "/", "r"))
    assert "r/tmp" in whole and "r/tmp/only" not in whole and "r/proc" in whole
    assert not any(name.startswith("r/proc/") for name in whole)


def test_unpack(files, busy):
    assert files(busy, "unpack", "/d/sub", data=archive(new=None, new__one=b"1", two=b"2")) == b""
    assert busy.exec("sh", "-c", "cd /d/sub; cat new/one two; stat -c %u:%g:%a two").lines[-1] == "120:0:640"
    assert files(busy, "unpack", "/d/sub", data=archive(two=b"2"), letters=["-o"]) == b""
    assert busy.exec("stat", "-c", "%u:%g", "/d/sub/two").out == "1234:1234\n"


@pytest.mark.parametrize("name", ["\u00fc\u4e2d\U0001f600", "\udcff\udcfe", "x" * 200 + "\u00fc"],
                         ids=["utf8", "bytes", "long"])
def test_names_are_bytes(files, busy, name):
    """There and back, whether they are UTF-8 or not."""
    assert files(busy, "unpack", "/d/sub", data=archive(**{name: b"1"})) == b""
    assert list(members(files(busy, "pack", "/d/sub", "s"))) == ["s", "s/big", f"s/{name}"] or \
        list(members(files(busy, "pack", "/d/sub", "s"))) == ["s", f"s/{name}", "s/big"]


def test_unpack_cannot_leave(files, busy):
    """By a link that the container has there, or by a name in the archive."""
    busy.exec("sh", "-c", "ln -s /etc /d/sub/out; ln -s ../../.. /d/sub/up")
    files(busy, "unpack", "/d/sub", data=archive(out__pwned=b"1", up__pwned=b"2", **{"..__..__pwned": b"3"}))
    assert busy.exec("sh", "-c", "find / -xdev -name pwned | grep -v ^/d/sub/ || true").out == ""
    assert not os.path.exists("/pwned") and not os.path.exists("/etc/pwned")


def test_unpack_where_nothing_is(files, busy):
    assert files(busy, "unpack", "/nowhere", data=archive(a=b"1")) == -errno.ENOENT
    assert files(busy, "unpack", "/d/file", data=archive(a=b"1")) == -errno.ENOTDIR
    assert files(busy, "unpack", "/d", data=b"no archive at all" * 100) < 0
    assert busy.status == "running"


def test_nobody_reads(runtime, files, busy):
    """The reader goes away in the middle: an error, and the container goes on."""
    build = os.path.dirname(os.path.abspath(os.environ.get("HCS_RUNTIME", REPOSITORY / "build/runhcs")))
    tool = subprocess.Popen([f"{build}/tests/integration/files_tool", str(runtime.root), busy.id, "pack", "/d"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    tool.stdout.read(100)
    tool.stdout.close()
    assert tool.wait(30 * PATIENCE) != 0
    tool.stderr.close()
    assert busy.exec("cat", "/d/all").out == "hello\n"


def test_a_created_container_has_files(runtime, bundle, files):
    c = runtime.create(bundle().sh("true"))
    assert b"root" in content(files(c, "pack", "/etc/passwd", "p"), "p")
    c.delete(force=True)
    assert files(c, "stat", "/") == -errno.ENOENT


def test_a_stopped_one_has_none(runtime, bundle, files):
    c = runtime.start(bundle().sh("true"))
    c.wait_stopped()
    assert files(c, "stat", "/") == -errno.ESRCH


@pytest.fixture(params=["directories", "files"])
def layers(request, runtime, bundle, work, template):
    """A bundle of a base layer and a scratch, both directories or both files."""
    folders = work / "layers"
    link_tree(template, folders / "base")
    (folders / "base/keep").mkdir()
    (folders / "base/keep/gone").write_text("x")
    (folders / "base/other").write_text("x")
    b = bundle()
    shutil.rmtree(b.rootfs)
    del b.spec["root"]
    names = ["base", "scratch"]
    if request.param == "directories":
        (folders / "scratch").mkdir()
    elif runtime.isolation == "process":
        pytest.skip("a scratch that is a file is mounted in the container's namespace alone")
    else:
        names = ["base.erofs", "scratch.ext4"]
        subprocess.run(["mkfs.erofs", "--quiet", folders / names[0], folders / "base"], check=True,
                       capture_output=True)
        runtime("create-scratch", "--destpath", folders / names[1], "--sizeGB", 1)
    b.spec["windows"] = {"layerFolders": [str(folders / name) for name in names]}
    return b


def test_changes(runtime, layers, files):
    c = runtime.start(layers.sh("echo new >/added; rm -r /keep; mkdir /keep; rm /other; echo ready; sleep 1000"))
    c.until_output("ready")
    found = members(files(c, "changes", "/", "-", "/proc", "/sys", "/dev"))
    assert {"./added", "./keep", "./keep/.wh..wh..opq", "./.wh.other"} <= set(found)
    assert not {"./proc", "./sys", "./dev"} & set(found)
    assert c.exec("cat", "/added").out == "new\n"


def test_changes_without_layers(files, busy):
    assert files(busy, "changes", "/") == -errno.EOPNOTSUPP
    assert "layers" in files.error
