"""The store: names and what keeps an image, disk space, processes killed at any instant, two at once."""
import json
import os
import random
import signal
import subprocess
import time

import pytest

from .conftest import Store
from .layout import Image, layer, oci_layout, sha256, walk, write_tar


@pytest.fixture
def archive(tmp_path):
    """An image of three layers, some of it large enough to be killed in."""
    noise = random.Random(1)
    layers = [layer(*((f"d{n}/f{i}", noise.randbytes(3000)) for i in range(60)), (f"big{n}", noise.randbytes(1 << 20)))
              for n in range(3)]
    image = Image(layers)
    image.path = write_tar(tmp_path / "image.tar", oci_layout((image, "some:1")))
    return image


def small(tmp_path, name, text):
    image = Image([layer(("who", text))])
    return image, write_tar(tmp_path / f"{text}.tar", oci_layout((image, name)))


def test_names_and_ids(store, tmp_path):
    one, archive = small(tmp_path, "app:1", "one")
    store("load", archive)
    store("tag", "app:1", "app")
    for name in ("app", "app:1", "docker.io/library/app:1", one.id, one.id[7:], one.id[7:15], one.id[:20]):
        assert json.loads(store("inspect", name))["id"] == one.id
    assert json.loads(store("inspect", "app"))["names"] == ["docker.io/library/app:1", "docker.io/library/app:latest"]
    assert "No such image: nothing:latest" in store.fails("inspect", "nothing")
    assert "No such image" in store.fails("inspect", "f" * 64)
    assert "must be lowercase" in store.fails("inspect", "App")
    assert "refusing to create a tag with a digest reference" in store.fails("tag", "app", "x@sha256:" + "0" * 64)


def test_an_ambiguous_id(store, tmp_path):
    for n in range(17):
        store("load", small(tmp_path, f"app:{n}", f"n{n}")[1])
    assert any("several images" in store.run("inspect", digit).stderr.decode() for digit in "0123456789abcdef")


def test_a_name_that_goes_to_another_image_leaves_the_old_one(store, tmp_path):
    one, first = small(tmp_path, "app:1", "one")
    two, second = small(tmp_path, "app:1", "two")
    store("load", first)
    store("load", second)
    assert json.loads(store("inspect", "app:1"))["id"] == two.id
    assert json.loads(store("inspect", one.id))["names"] == []
    assert len(store("list").splitlines()) == 2


def test_removing(store, tmp_path):
    one, archive = small(tmp_path, "app:1", "one")
    store("load", archive)
    before = store.files()
    store("tag", "app:1", "other:2")
    assert "several names" in store.fails("rmi", one.id)
    assert store("rmi", "app:1") == "Untagged: app:1\n"
    assert store.files() == before
    said = store("rmi", one.id[7:19]).splitlines()
    assert said == ["Untagged: other:2", f"Deleted: {one.id}", f"Deleted: {sha256(one.diffs[0])}"]
    assert store.files() == []
    assert "No such image" in store.fails("rmi", "app:1")


def test_layers_that_are_shared_stay(store, tmp_path):
    base = layer(("base", "x"))
    images = [Image([base, layer(("who", name))]) for name in ("a", "b")]
    for image, name in zip(images, ("a:1", "b:1")):
        store("load", write_tar(tmp_path / "x.tar", oci_layout((image, name))))
    said = store("rmi", "a:1")
    assert sha256(images[0].diffs[1]) in said and sha256(base) not in said
    assert len(store("folders", "b:1").split()) == 2


def test_a_container_keeps_its_image(store, tmp_path):
    one, archive = small(tmp_path, "app:1", "one")
    store("load", archive)
    store("pin", "c0ffee", one.id)
    assert 'unable to remove repository reference' in store.fails("rmi", "app:1")
    assert "is being used by container c0ffee" in store.fails("rmi", one.id)
    assert store("rmi", "app:1", "force") == "Untagged: app:1\n"
    assert store("folders", one.id)
    store("unpin", "c0ffee")
    store("unpin", "c0ffee")
    assert "Deleted" in store("rmi", one.id)
    assert store.files() == []
    assert "No such image" in store.fails("pin", "c0ffee", one.id)
    assert "no container's id" in store.fails("pin", "../x", one.id)


def test_a_damaged_image_is_named_and_can_be_removed(store, tmp_path):
    one, archive = small(tmp_path, "app:1", "one")
    store("load", archive)
    (store.images / "blobs/sha256" / one.id[7:]).write_text("{")
    assert one.id[:19] in store.fails("list")
    store("rmi", "app:1")
    # Which layers it had nobody knows any more.
    store("collect")
    assert store.files() == []


def test_disk_full(tmp_path, archive):
    point = tmp_path / "small"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", point], check=True)
    try:
        store = Store(point / "store")
        message = store.fails("load", archive.path)
        assert "No space left on device" in message
        assert store("list") == ""
        assert not list((store.images / "layers").iterdir()) or "layer" in message
        store("collect")
        assert store.files() == []
        subprocess.run(["mount", "-o", "remount,size=64m", point], check=True)
        store("load", archive.path)
        used = os.statvfs(point).f_bfree
        store("rmi", "some:1")
        freed = (os.statvfs(point).f_bfree - used) * os.statvfs(point).f_bsize
        assert freed > 6 << 20
        assert store.files() == []
    finally:
        subprocess.run(["umount", point], check=True)


def test_two_loads_at_once(store, archive):
    loads = [store.start("load", archive.path) for _ in range(4)]
    for load in loads:
        _, err = load.communicate(timeout=120)
        assert load.returncode == 0, err.decode()
    assert len(store("folders", "some:1").split()) == 3
    before = store.files()
    store("collect")
    assert store.files() == [name for name in before if not name.startswith("tmp/")]
    store("rmi", "some:1")
    assert store.files() == []


def test_a_load_while_others_are_removed(store, tmp_path, archive):
    for n in range(10):
        load = store.start("load", archive.path)
        store("load", small(tmp_path, "app:1", f"n{n}")[1])
        store("rmi", "app:1")
        assert load.wait(120) == 0
        assert len(store("folders", "some:1").split()) == 3
        store("rmi", "some:1")
    store("collect")
    assert store.files() == []


def content(store):
    return [walk(folder) for folder in store("folders", "some:1").split()]


def kill_within(store, seconds, *command):
    """Kills the command at a random instant: whether it was still there to be killed."""
    process = store.start(*command)
    time.sleep(random.random() * seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_killed_at_any_instant(store, archive, tmp_path):
    """Never half an image; the next load is right; no garbage after the next collection."""
    whole = Store(tmp_path / "whole")
    whole("load", archive.path)
    expected, files = content(whole), whole.files()
    wanted = int(os.environ.get("HCS_KILLS", 60))
    killed = tries = 0
    seconds = 0.3
    while killed < wanted and tries < 10 * wanted:
        tries += 1
        if kill_within(store, seconds, "load", archive.path):
            killed += 1
        else:
            # It was through before: the next ones earlier, down to what is certainly within.
            seconds = max(seconds * 0.9, 0.01)
        if store("list"):
            assert content(store) == expected, "there is an image, and it is not whole"
        if tries % 3 == 0:
            began = time.monotonic()
            store("load", archive.path)
            seconds = max(seconds, time.monotonic() - began)
            assert content(store) == expected
            store("collect")
            assert store.files() == files
        if tries % 5 == 0:
            store("collect")
            assert store.files() in ([], files)
        # What is there makes the next load short: away with it, if this one is not killed too.
        kill_within(store, 0.02, "rmi", "some:1")
        store.run("rmi", "some:1")
    assert killed == wanted
    store.run("rmi", "some:1")
    store("collect")
    assert store.files() == []
