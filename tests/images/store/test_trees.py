"""Trees as archives: what we write others read, what they write we read, to the last attribute."""
import os
import subprocess
import sys

import pytest

from .conftest import TOOL, need
from .layout import walk


def tool(*args, **kwargs):
    result = subprocess.run([TOOL, "-", *map(str, args)], capture_output=True, timeout=120, **kwargs)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


@pytest.fixture
def tree(tmp_path):
    """A bit of everything."""
    root = tmp_path / "tree"
    (root / "d/deep/er").mkdir(parents=True)
    (root / "d/f").write_bytes(b"content")
    (root / "d/empty").touch()
    os.link(root / "d/f", root / "hard")
    os.symlink("d/f", root / "soft")
    os.link(root / "soft", root / "hard-to-soft", follow_symlinks=False)
    (root / "ünï \n\\ x").write_text("odd")
    (root.joinpath(*["p" * 60] * 5)).mkdir(parents=True)
    (root.joinpath(*["p" * 60] * 5) / "f").write_text("far down")
    with open(root / "sparse", "wb") as file:
        file.seek(5 << 20)
        file.write(b"middle")
        file.truncate(9 << 20)
    with open(root / "hole", "wb") as file:
        file.truncate(3 << 20)
    os.mkfifo(root / "fifo", 0o610)
    os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    os.chown(root / "d/deep", 1234567, 4000000000)
    os.chown(root / "soft", 5, 6, follow_symlinks=False)
    os.chmod(root / "d/f", 0o4711)
    os.setxattr(root / "d/empty", "user.note", b"a\0b=\n")
    os.setxattr(root / "d/f", "security.capability", bytes.fromhex("0100000200040000" + "00" * 12))
    os.setxattr(root / "soft", "trusted.note", b"x", follow_symlinks=False)
    os.chmod(root / "d/deep", 0o1777)
    os.utime(root / "d/f", ns=(1, 1234567890123456789))
    os.utime(root / "d", ns=(1, 987654321000000001))
    os.utime(root / "d/deep/er", ns=(1, 1000000000))
    return root


def without(found, *keys):
    for key in keys:
        found.pop(key, None)
    return found


def test_there_and_back(tree, tmp_path):
    archive = tool("create", tree, ".", "-")
    assert archive == tool("create", tree, ".", "-"), "the same tree gives the same bytes"
    assert len(archive) < 1 << 20, "holes are not written"
    (tmp_path / "out").mkdir()
    tool("extract", tmp_path / "out", "-", "owner", "devices", input=archive)
    assert walk(tree) == walk(tmp_path / "out")
    assert (tmp_path / "out/sparse").stat().st_blocks < 1024
    assert tool("create", tmp_path / "out", ".", "-") == archive


@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_others_read_what_we_write(tree, tmp_path, program):
    need(program)
    (tmp_path / "out").mkdir()
    options = ["--xattrs", "--xattrs-include=*"]
    subprocess.run([program, "-xpf", "-", *(options if program == "tar" else ["--xattrs"]), "--numeric-owner", "-C",
                    tmp_path / "out"], input=tool("create", tree, ".", "-"), check=True, timeout=120)
    assert walk(tree) == walk(tmp_path / "out")


@pytest.mark.parametrize("program, options", [
    ("tar", ["--format=pax", "--xattrs", "--xattrs-include=*"]),
    ("tar", ["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse"]),
    ("tar", ["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=0.1"]),
    ("tar", ["--format=gnu", "--sparse"]),
    ("tar", ["--format=gnu", "-z"]),
    ("tar", ["--format=gnu", "--zstd"]),
    ("bsdtar", ["--format=pax", "--xattrs"]),
    ("bsdtar", ["--format=gnutar"]),
])
def test_we_read_what_others_write(tree, tmp_path, program, options):
    need(program)
    archive = tmp_path / "archive"
    subprocess.run([program, "-cf", archive, *options, "-C", tree, "."], check=True, timeout=120)
    (tmp_path / "out").mkdir()
    tool("extract", tmp_path / "out", archive, "owner", "devices")
    theirs, ours = walk(tree), walk(tmp_path / "out")
    if "--format=pax" not in options:
        # GNU's own format has whole seconds and no attributes.
        def coarse(found):
            return {name: (*entry[:4], entry[4] // 10**9, entry[6]) for name, entry in found.items()}
        theirs, ours = coarse(theirs), coarse(ours)
        assert not theirs.keys() ^ ours.keys()
    assert ours == theirs


def names(archive, *options):
    return subprocess.run(["tar", *options, "-tf", "-"], input=archive, capture_output=True,
                          check=True).stdout.decode().split("\n")[:-1]


def test_one_file_or_directory_under_another_name(tree):
    assert names(tool("create", tree, "d/f", "renamed")) == ["renamed"]
    assert names(tool("create", tree, "/d", "other")) == ["other/", "other/deep/", "other/deep/er/", "other/empty",
                                                          "other/f"]
    assert names(tool("create", tree, "d/deep", "-")) == ["./", "./er/"]


def test_a_link_is_followed_only_when_asked_and_within_the_root(tree):
    os.symlink("/d", tree / "absolute")
    os.symlink("../../../../d/f", tree / "climbs")
    assert names(tool("create", tree, "soft", "x"), "-v")[0].endswith(" x -> d/f")
    assert names(tool("create", tree, "absolute", "x", "follow"))[:2] == ["x/", "x/deep/"]
    archive = tool("create", tree, "climbs", "x", "follow")
    assert b"content" in archive
    result = subprocess.run([TOOL, "-", "create", tree, "../etc/passwd", "x"], capture_output=True, check=False)
    assert result.returncode == 1 and b"No such file" in result.stderr


def test_other_mounts_only_when_asked(tree):
    (tree / "m").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tree / "m"], check=True)
    subprocess.run(["mount", "--bind", "/etc/passwd", tree / "d/empty"], check=True)
    try:
        (tree / "m/inside").touch()
        assert "./m/" in names(tool("create", tree, ".", "-"))
        assert "./m/inside" not in names(tool("create", tree, ".", "-"))
        assert "./d/empty" not in names(tool("create", tree, ".", "-"))
        assert "./m/inside" in names(tool("create", tree, ".", "-", "mounts"))
    finally:
        subprocess.run(["umount", tree / "m"], check=False)
        subprocess.run(["umount", tree / "d/empty"], check=False)


def test_a_layer_of_overlayfs_has_whiteouts(tmp_path):
    upper = tmp_path / "upper"
    (upper / "d").mkdir(parents=True)
    (upper / "d/new").write_text("x")
    os.mknod(upper / "gone", 0o20000, 0)
    os.setxattr(upper / "d", "trusted.overlay.opaque", b"y")
    archive = tool("create", upper, ".", "-", "overlay")
    assert names(archive) == ["./", "./d/", "./d/.wh..wh..opq", "./d/new", "./.wh.gone"]
    (tmp_path / "out").mkdir()
    tool("extract", tmp_path / "out", "-", "owner", "devices", "overlay", input=archive)
    # Nobody sees a whiteout, nor its time.
    assert without(walk(upper), "gone") == without(walk(tmp_path / "out"), "gone")
    found = (tmp_path / "out/gone").stat()
    assert (found.st_mode, found.st_rdev) == (0o20000, 0)
    assert os.getxattr(tmp_path / "out/d", "trusted.overlay.opaque") == b"y"


def test_a_file_that_shrinks_or_grows_meanwhile(tmp_path):
    """The archive stays one: each entry has the length that it says."""
    (tmp_path / "t").mkdir()
    big = tmp_path / "t/a"
    big.write_bytes(b"x" * (64 << 20))
    (tmp_path / "t/b").write_text("after")
    process = subprocess.Popen([TOOL, "-", "create", tmp_path / "t", ".", "-"], stdout=subprocess.PIPE)
    head = process.stdout.read(1 << 20)
    os.truncate(big, 10)
    archive = head + process.stdout.read()
    assert process.wait() == 0
    assert names(archive) == ["./", "./a", "./b"]


def test_ten_gigabytes_of_zeros_take_no_space(tmp_path):
    """As an archive of 10 MB could have them: what is all zeros becomes a hole, not blocks."""
    size = 10 << 30
    header = subprocess.run(
        ["sh", "-c", f"truncate -s {size} {tmp_path}/z && tar -cf - -C {tmp_path} z | head -c 512"],
        capture_output=True, check=True).stdout
    (tmp_path / "z").unlink()
    (tmp_path / "out").mkdir()
    # Compressed once, by the frame: 10 GB of zeros from 64 MB of them.
    need("zstd")
    block = subprocess.run(["zstd", "-q", "-c"], input=bytes(64 << 20), capture_output=True, check=True).stdout
    packed = subprocess.run(["zstd", "-q", "-c"], input=header, capture_output=True, check=True).stdout
    packed += block * (size // (64 << 20)) + subprocess.run(["zstd", "-q", "-c"], input=bytes(1024),
                                                            capture_output=True, check=True).stdout
    tool("extract", tmp_path / "out", "-", input=packed)
    found = (tmp_path / "out/z").stat()
    assert found.st_size == size and found.st_blocks * 512 < 16 << 20


def test_two_hundred_thousand_files(tmp_path):
    """Of one directory and of many; memory does not grow with them."""
    (tmp_path / "out").mkdir()
    make = f"""
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    for i in range(200000):
        tar.addfile(tarfile.TarInfo(f"d{{i // 5000}}/f{{i}}"))
"""
    producer = subprocess.Popen([sys.executable, "-c", make], stdout=subprocess.PIPE)
    # As much as it may have together, libraries and all.
    limit = ["prlimit", f"--as={64 << 20}"]
    if b"__asan_init" in TOOL.read_bytes():
        limit = []  # AddressSanitizer takes all there is, to begin with
    assert subprocess.run([*limit, TOOL, "-", "extract", tmp_path / "out", "-"], stdin=producer.stdout,
                          stdout=subprocess.PIPE, check=False).returncode == 0
    assert producer.wait() == 0
    assert sum(1 for _ in (tmp_path / "out").rglob("f*")) == 200000
