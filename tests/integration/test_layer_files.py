"""windows.layerFolders that names files: layers that are erofs images, over a scratch with ext4."""

import os
import shutil
import subprocess

import pytest

from runtime import until
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
