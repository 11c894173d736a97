"""load, save and import as hcs has them: docker's options and words. What archives may hold is the
subject of other tests."""

import io
import json
import os
import pty
import subprocess
import tarfile

import pytest


def test_a_directory_is_loaded(hcs, layout, image):
    out = hcs.ok("load", "-i", layout)
    assert out.startswith("Loaded image")
    assert set(image.diff_ids) <= hcs.unpacked()


def test_pull_save_load(hcs, other_hcs, lying, image, tmp_path):
    name = f"{lying.host}/x:latest"
    hcs.ok("pull", name)
    archive = tmp_path / "image.tar"
    assert hcs.ok("save", "-o", archive, name) == ""
    assert other_hcs.ok("load", "-i", archive) == f"Loaded image: {name}\n"
    other_hcs.assert_whole(image, name)
    assert other_hcs.unfinished() == []


def test_through_a_pipe(hcs, other_hcs, lying, image):
    name = f"{lying.host}/x:latest"
    hcs.ok("pull", name)
    save = subprocess.Popen(hcs.command("save", name), env=hcs.environment, stdout=subprocess.PIPE)
    load = subprocess.run(other_hcs.command("load"), env=other_hcs.environment, stdin=save.stdout,
                          capture_output=True, text=True)
    save.stdout.close()
    assert save.wait() == 0 and load.returncode == 0, load.stderr
    other_hcs.assert_whole(image, name)


def test_skopeo_reads_what_hcs_saves(hcs, lying, image, tmp_path):
    name = f"{lying.host}/x:latest"
    hcs.ok("pull", name)
    hcs.ok("save", "-o", tmp_path / "image.tar", name)
    for kind in (f"docker-archive:{tmp_path}/image.tar", f"oci-archive:{tmp_path}/image.tar"):
        shown = subprocess.run(["skopeo", "inspect", kind], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        assert len(json.loads(shown.stdout)["Layers"]) == 3


def test_a_file_that_was_there_is_replaced_whole_or_not_at_all(hcs, lying, tmp_path):
    archive = tmp_path / "image.tar"
    archive.write_text("before")
    hcs.fails("save", "-o", archive, "nothing:1")
    assert archive.read_text() == "before"
    assert sorted(p.name for p in tmp_path.glob("image*")) == ["image.tar"]
    hcs.ok("pull", f"{lying.host}/x")
    hcs.ok("save", "-o", archive, f"{lying.host}/x")
    assert tarfile.is_tarfile(archive)
    assert sorted(p.name for p in tmp_path.glob("image*")) == ["image.tar"]


@pytest.mark.parametrize("arguments, said, status", [
    (["save"], "at least 1 argument", 1),
    (["save", "nothing:1"], "nothing:1", 1),
    (["save", "-o", "/nowhere/x", "nothing:1"], "/nowhere/x", 1),
    (["load", "x"], "accepts no arguments", 1),
    (["load", "-i", "/nowhere/x"], "/nowhere/x", 1),
    (["load", "-i", "/dev/null"], "", 1),
    (["load", "--platform", "a/b/c/d"], "a/b/c/d", 1),
    (["import"], "at least 1 argument", 1),
    (["import", "/nowhere/x"], "/nowhere/x", 1),
    (["import", "http://example.com/x.tar"], "hcs import -", 1),
    (["import", "-", "UPPER"], "lowercase", 1),
])
def test_usage(hcs, arguments, said, status):
    assert said in hcs.fails(*arguments, status=status)


@pytest.mark.parametrize("arguments, said", [
    (["save", "x"], "cowardly refusing to save to a terminal"),
    (["load"], "requested load from stdin, but stdin is empty"),
])
def test_not_with_a_terminal(hcs, arguments, said):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(hcs.command()[0], hcs.command(*arguments), hcs.environment)
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert said in shown.decode()


def test_import(hcs, tmp_path):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        info = tarfile.TarInfo("etc/motd")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    (tmp_path / "root.tar.gz").write_bytes(tar.getvalue())
    out = hcs.ok("import", "-c", 'CMD ["/bin/sh"]', "--change", "ENV A=b", "-m", "by hand",
                 "--platform", "linux/arm64", tmp_path / "root.tar.gz", "imported:1")
    config = json.loads((hcs.images / "blobs/sha256" / out.strip().split(":")[1]).read_text())
    assert config["architecture"] == "arm64"
    assert config["config"]["Cmd"] == ["/bin/sh"]
    assert "A=b" in config["config"]["Env"]
    assert "by hand" in json.dumps(config["history"])
    assert "docker.io/library/imported:1" in hcs.names()
    (diff_id,) = config["rootfs"]["diff_ids"]
    assert (hcs.layer(diff_id) / "etc/motd").read_text() == "hello"
