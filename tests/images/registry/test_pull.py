"""Pulling, from the registry that everybody runs."""

import json
import os
import pty
import re
import subprocess

import pytest

from layout import Image, Index, small_image, write_layout


@pytest.fixture
def pushed(registry, layout):
    registry.push_layout(layout, "pull/image:1")
    return f"{registry.host}/pull/image:1"


def test_an_image_is_there_to_the_last_byte(hcs, pushed, image):
    hcs.ok("pull", pushed)
    hcs.assert_whole(image, pushed)
    assert hcs.unfinished() == []


def test_the_output_is_dockers(hcs, pushed, image):
    lines = hcs.ok("pull", pushed).splitlines()
    host, tag = pushed.rsplit(":", 1)
    assert lines[0] == "1: Pulling from pull/image"
    for layer in image.layers:
        short = layer["digest"][7:19]
        steps = [line.split(": ")[1] for line in lines if line.startswith(short)]
        assert steps[0] == "Pulling fs layer" and steps[-1] == "Pull complete"
    assert re.fullmatch("Digest: sha256:[0-9a-f]{64}", lines[-3])
    assert lines[-2] == f"Status: Downloaded newer image for {pushed}"
    assert lines[-1] == pushed


def test_a_second_pull_fetches_nothing(hcs, pushed, registry):
    hcs.ok("pull", pushed)
    before = registry.log().count("GET /v2/pull/image/blobs/")
    assert before >= 4
    lines = hcs.ok("pull", pushed).splitlines()
    assert lines[-2] == f"Status: Image is up to date for {pushed}"
    assert registry.log().count("GET /v2/pull/image/blobs/") == before


def test_quiet_says_only_the_name(hcs, pushed):
    assert hcs.ok("pull", "-q", pushed) == pushed + "\n"


def test_without_a_tag_latest_is_meant(hcs, registry, layout):
    registry.push_layout(layout, "pull/latest")
    lines = hcs.ok("pull", f"{registry.host}/pull/latest").splitlines()
    assert lines[0] == "Using default tag: latest"
    assert lines[-1] == f"{registry.host}/pull/latest:latest"


def test_by_digest(hcs, registry, layout, image):
    registry.push_layout(layout, "pull/digest:1")
    _, headers = registry.fetch("/v2/pull/digest/manifests/1", image.manifest["mediaType"])
    name = f"{registry.host}/pull/digest@{headers['Docker-Content-Digest']}"
    lines = hcs.ok("pull", name).splitlines()
    assert lines[-3] == f"Digest: {headers['Docker-Content-Digest']}"
    assert lines[-1] == name
    assert set(image.diff_ids) <= hcs.unpacked()


def test_layers_that_are_there_are_not_fetched_again(hcs, registry, tmp_path):
    first = small_image("shared", layers=2)
    more = small_image("shared", layers=3)
    for n, made in enumerate((first, more)):
        write_layout(made, tmp_path / f"oci{n}")
        registry.push_layout(tmp_path / f"oci{n}", f"pull/shared:{n}")
    hcs.ok("pull", f"{registry.host}/pull/shared:0")
    out = hcs.ok("pull", f"{registry.host}/pull/shared:1")
    assert out.count("Already exists") == 2
    assert out.count("Pull complete") == 1


def test_a_moved_tag_is_followed(hcs, registry, tmp_path):
    for n in range(2):
        write_layout(small_image(f"moved{n}", layers=1), tmp_path / f"oci{n}")
    name = f"{registry.host}/pull/moved:1"
    registry.push_layout(tmp_path / "oci0", "pull/moved:1")
    first = hcs.ok("pull", name)
    registry.push_layout(tmp_path / "oci1", "pull/moved:1")
    second = hcs.ok("pull", name)
    assert "Downloaded newer image" in second
    assert first.splitlines()[-3] != second.splitlines()[-3]


def test_every_tag(hcs, registry, layout, image):
    for tag in "abc":
        registry.push_layout(layout, f"pull/tags:{tag}")
    out = hcs.ok("pull", "-a", f"{registry.host}/pull/tags")
    for tag in "abc":
        hcs.assert_whole(image, f"{registry.host}/pull/tags:{tag}")
        assert f"{tag}: Pulling from pull/tags" in out
    assert "tag can't be used" in hcs.fails("pull", "-a", f"{registry.host}/pull/tags:a", status=125)


def test_many_tags_come_in_pages(hcs, make_lying, image):
    tags = [f"t{n:03}" for n in range(7)]
    registry = make_lying(image)
    for tag in tags:
        registry.add(tag, image)

    def pages(request):
        if "/tags/list" not in request.path:
            return None
        at = int((re.search(r"last=t(\d+)", request.path) or [0, -1])[1]) + 1
        headers = {}
        if at + 3 < len(tags):
            headers["Link"] = f'</v2/x/tags/list?last=t{at + 2:03}&n=3>; rel="next"'
        return request.answer(200, json.dumps({"name": "x", "tags": tags[at:at + 3]}).encode(), headers)

    registry.lie = pages
    hcs.ok("pull", "-q", "-a", f"{registry.host}/x")
    assert all(f"{registry.host}/x:{tag}" in hcs.names() for tag in tags)


class TestPlatforms:
    @pytest.fixture
    def several(self, make_lying):
        self.images = {a: small_image(a, layers=1, architecture=a) for a in ("amd64", "arm64")}
        registry = make_lying()
        registry.add("latest", Index(self.images.values()))
        registry.add("docker", Index(self.images.values(), docker=True))
        return registry

    @pytest.mark.parametrize("tag", ["latest", "docker"])
    def test_the_hosts_is_chosen(self, hcs, several, tag):
        name = f"{several.host}/x:{tag}"
        lines = hcs.ok("pull", name).splitlines()
        hcs.assert_whole(self.images["amd64"], name)
        assert not set(self.images["arm64"].diff_ids) & hcs.unpacked()
        assert lines[-3] == f"Digest: {several.tags[tag]}"  # of the index

    def test_another_one_can_be_asked_for(self, hcs, several):
        hcs.ok("pull", "--platform", "linux/arm64", f"{several.host}/x")
        hcs.assert_whole(self.images["arm64"], f"{several.host}/x:latest")

    def test_one_that_is_not_there_is_said(self, hcs, several):
        error = hcs.fails("pull", "--platform", "linux/s390x", f"{several.host}/x")
        assert "s390x" in error and "amd64" in error and "arm64" in error
        hcs.assert_nothing()

    def test_an_image_without_an_index_is_refused_for_another(self, hcs, lying):
        error = hcs.fails("pull", "--platform", "linux/arm64", f"{lying.host}/x")
        assert "linux/amd64" in error and "linux/arm64" in error
        hcs.assert_nothing()
        hcs.ok("pull", "--platform", "amd64", f"{lying.host}/x")

    def test_a_platform_must_be_one(self, hcs, lying):
        assert "plan/9/x/y" in hcs.fails("pull", "--platform", "plan/9/x/y", f"{lying.host}/x")


def test_dockers_media_types(hcs, make_lying):
    image = small_image("docker", docker=True)
    registry = make_lying(image)
    hcs.ok("pull", f"{registry.host}/x")
    hcs.assert_whole(image, f"{registry.host}/x:latest")


@pytest.mark.parametrize("layers", [0, 1, 127])
def test_as_many_layers_as_there_may_be(hcs, make_lying, layers):
    image = small_image(f"{layers} layers", layers=layers, size=100)
    registry = make_lying(image)
    hcs.ok("pull", f"{registry.host}/x")
    hcs.assert_whole(image, f"{registry.host}/x:latest")


def test_more_layers_are_refused(hcs, make_lying):
    registry = make_lying(small_image("128 layers", layers=128, size=100))
    assert "127" in hcs.fails("pull", f"{registry.host}/x")
    hcs.assert_nothing()


def test_the_same_layer_twice(hcs, make_lying):
    files = {"same": b"same"}
    image = Image([files, {"other": b"other"}, files])
    registry = make_lying(image)
    hcs.ok("pull", f"{registry.host}/x")
    hcs.assert_whole(image, f"{registry.host}/x:latest")
    assert len(registry.requests(image.layers[0]["digest"])) == 1


@pytest.mark.parametrize("name", ["UPPER/case", "a//b", "-x/y", "a:b:c", "x@sha256:12", "a b", "",
                                  "x" * 300, "../../etc/passwd", "host:port/x"])
def test_malformed_names_are_refused(hcs, name):
    error = hcs.fails("pull", "--", name)
    assert len(error) < 500
    assert not hcs.images.exists() or hcs.blobs() == set()


@pytest.mark.parametrize("arguments, said, status", [
    (["pull"], "requires 1 argument", 1),
    (["pull", "a", "b"], "requires 1 argument", 1),
    (["pull", "--nonsense", "a"], "unknown flag: --nonsense", 125),
])
def test_usage(hcs, arguments, said, status):
    assert said in hcs.fails(*arguments, status=status)


def test_what_is_not_there(hcs, pushed, registry):
    error = hcs.fails("pull", f"{registry.host}/pull/image:none")
    assert f"manifest for {registry.host}/pull/image:none not found: manifest unknown" in error
    hcs.fails("pull", f"{registry.host}/pull/nothing")
    hcs.assert_nothing()


def test_nobody_listens(hcs):
    error = hcs.fails("pull", "localhost:1/x", timeout=20)
    assert "localhost:1" in error and "refused" in error


def test_a_host_that_is_unknown(hcs):
    assert "nowhere.invalid" in hcs.fails("pull", "nowhere.invalid/x", timeout=60)


def test_bars_on_a_terminal(hcs, pushed, image):
    parent, child = pty.openpty()
    process = subprocess.Popen(hcs.command("pull", pushed), env=hcs.environment, stdout=child,
                               stderr=child, stdin=child)
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:  # EIO: the last one has closed it
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    assert process.wait() == 0, shown
    text = shown.decode()
    for layer in image.layers:
        assert f"{layer['digest'][7:19]}: Pull complete" in text
    assert "\033[" in text and f"Status: Downloaded newer image for {pushed}" in text


def test_a_closed_output_does_not_break_the_pull(hcs, pushed, image):
    process = hcs.start("pull", pushed)
    process.stdout.close()
    process.stderr.close()
    process.wait()
    hcs.assert_whole(image, pushed)


def test_two_at_once(hcs, make_lying, image):
    registry = make_lying(image)
    for _ in range(3):
        running = [hcs.start("pull", f"{registry.host}/x") for _ in range(3)]
        for process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
        hcs.assert_whole(image, f"{registry.host}/x:latest")
    # Each blob came over the network once.
    for layer in image.layers:
        assert len(registry.requests(f"blobs/{layer['digest']}")) == 1
    assert hcs.unfinished() == []
