"""SIGKILL at random instants: never half an image, and the next pull makes it whole.

HCS_KILLS   rounds (60)
"""

import os
import random
import time

import pytest

from layout import small_image
from tool import kill

ROUNDS = int(os.environ.get("HCS_KILLS", 60))


@pytest.fixture(scope="module")
def large():
    return small_image("large", layers=4, size=1_500_000)


def assert_no_half(hcs, image):
    """Whatever is there under its final name is right; a name is there only with all of it."""
    blobs, unpacked = hcs.blobs(), hcs.unpacked()
    for diff_id in set(image.diff_ids) & unpacked:
        files = {p: d for p, d in image.files.items() if (hcs.layer(diff_id) / p).exists()}
        assert files, diff_id
        for path, data in files.items():
            assert (hcs.layer(diff_id) / path).read_bytes() == data
    if "sha256" in hcs.names():
        assert set(image.blobs) <= blobs and set(image.diff_ids) <= unpacked


def test_pull_killed_at_random_instants(hcs, make_lying, large):
    seed = random.randrange(1 << 32)
    print("seed", seed)  # shown when the test fails
    instants = random.Random(seed)
    registry = make_lying(large)
    name = f"{registry.host}/x"
    began = time.monotonic()
    hcs.ok("pull", name)
    usual = time.monotonic() - began
    killed = 0
    for n in range(ROUNDS):
        if n % 6 == 0:  # from nothing again; in between what was begun is taken up
            hcs.remove()
        process = hcs.start("pull", name)
        time.sleep(instants.uniform(0, usual * 1.1))
        killed += process.poll() is None
        kill(process)
        assert_no_half(hcs, large)
        if n % 6 == 5:
            hcs.ok("pull", name)
            hcs.assert_whole(large, name)
    assert killed > ROUNDS // 3, "nearly every pull was faster than its killer"
    hcs.ok("pull", name)
    hcs.assert_whole(large, name)
    assert hcs.unfinished() == []


def test_two_pulls_of_which_one_is_killed(hcs, make_lying, large):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    instants = random.Random(seed)
    registry = make_lying(large)
    name = f"{registry.host}/x"
    for _ in range(max(ROUNDS // 6, 1)):
        hcs.remove()
        first, second = hcs.start("pull", name), hcs.start("pull", name)
        time.sleep(instants.uniform(0, 0.3))
        kill(first)
        _, errors = second.communicate(timeout=120)
        assert second.returncode == 0, errors
        hcs.assert_whole(large, name)


def test_push_killed_at_random_instants(hcs, registry, make_lying, large):
    source = make_lying(large)
    hcs.ok("pull", f"{source.host}/x")
    path = hcs.images / "names.json"
    name = f"{registry.host}/kill/push:1"
    path.write_text(path.read_text().replace(f"{source.host}/x:latest", name))
    for n in range(max(ROUNDS // 6, 1)):
        process = hcs.start("push", name)
        time.sleep(random.uniform(0, 0.3))
        kill(process)
    out = hcs.ok("push", name)
    assert out.splitlines()[-1].startswith(f"1: digest: {large.manifest_digest}")
    text, _ = registry.fetch("/v2/kill/push/manifests/1", large.manifest["mediaType"])
    assert text == large.manifest_text
