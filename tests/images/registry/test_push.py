"""Pushing, and both ways with skopeo: what is pushed is what was pulled, byte for byte."""

import json

import pytest

from layout import digest, small_image, write_layout


@pytest.fixture
def pulled(hcs, lying, image):
    """The image, here under its name at the registry that it was pulled from."""
    hcs.ok("pull", "-q", f"{lying.host}/x")
    return f"{lying.host}/x:latest"


def rename(hcs, old, new):
    """What hcs tag does, which is not in this program: by hand, in the store."""
    path = hcs.images / "names.json"
    path.write_text(path.read_text().replace(json.dumps(old), json.dumps(new)))


def inspect(registry, name, creds=None):
    return json.loads(registry.skopeo("inspect", f"docker://{registry.host}/{name}", creds=creds))


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_what_is_pushed_is_byte_identical(hcs, registry, make_lying, tmp_path, docker):
    image = small_image(f"identical{docker}", docker=docker)
    source = make_lying(image)
    hcs.ok("pull", f"{source.host}/x")
    name = f"push/identical{docker}".lower()
    rename(hcs, f"{source.host}/x:latest", f"{registry.host}/{name}:1")
    lines = hcs.ok("push", f"{registry.host}/{name}:1").splitlines()
    assert lines[0] == f"The push refers to repository [{registry.host}/{name}]"
    size = image.manifest["size"]
    assert lines[-1] == f"1: digest: {image.manifest_digest} size: {size}"
    for diff_id in image.diff_ids:
        assert f"{diff_id[7:19]}: Preparing" in lines
        assert f"{diff_id[7:19]}: Pushed" in lines
    text, headers = registry.fetch(f"/v2/{name}/manifests/1", image.manifest["mediaType"])
    assert text == image.manifest_text
    assert headers["Docker-Content-Digest"] == image.manifest_digest
    for blob in [image.config, *image.layers]:
        text, _ = registry.fetch(f"/v2/{name}/blobs/{blob['digest']}")
        assert digest(text) == blob["digest"]


def test_skopeo_reads_what_hcs_pushes(hcs, registry, lying, pulled, image, tmp_path):
    rename(hcs, pulled, f"{registry.host}/push/skopeo:1")
    hcs.ok("push", f"{registry.host}/push/skopeo:1")
    registry.skopeo("copy", f"docker://{registry.host}/push/skopeo:1", f"oci:{tmp_path}/out:1")
    index = json.loads((tmp_path / "out/index.json").read_text())
    assert index["manifests"][0]["digest"] == image.manifest_digest
    blobs = {"sha256:" + p.name for p in (tmp_path / "out/blobs/sha256").iterdir()}
    assert set(image.blobs) == blobs


def test_from_skopeo_to_hcs_and_back(hcs, other_hcs, registry, tmp_path):
    image = small_image("there and back")
    write_layout(image, tmp_path / "oci")
    registry.push_layout(tmp_path / "oci", "push/back:1")
    hcs.ok("pull", f"{registry.host}/push/back:1")
    rename(hcs, f"{registry.host}/push/back:1", f"{registry.host}/push/again:1")
    hcs.ok("push", f"{registry.host}/push/again:1")
    assert inspect(registry, "push/again:1")["Digest"] == inspect(registry, "push/back:1")["Digest"]
    other_hcs.ok("pull", f"{registry.host}/push/again:1")
    assert other_hcs.blobs() == hcs.blobs()
    assert other_hcs.unpacked() == hcs.unpacked()


def test_only_what_is_missing_is_sent(hcs, registry, pulled):
    rename(hcs, pulled, f"{registry.host}/push/missing:1")
    hcs.ok("push", f"{registry.host}/push/missing:1")
    before = registry.log().count("PUT /v2/push/missing/")
    assert before == 5  # three layers, the configuration, the manifest
    lines = hcs.ok("push", f"{registry.host}/push/missing:1").splitlines()
    assert sum("Layer already exists" in line for line in lines) == 3
    assert registry.log().count("PUT /v2/push/missing/") == before + 1


def test_blobs_are_taken_over_from_another_repository(hcs, registry, tmp_path):
    image = small_image("mounted")
    write_layout(image, tmp_path / "oci")
    registry.push_layout(tmp_path / "oci", "push/source:1")
    hcs.ok("pull", f"{registry.host}/push/source:1")
    rename(hcs, f"{registry.host}/push/source:1", f"{registry.host}/push/target:1")
    out = hcs.ok("push", f"{registry.host}/push/target:1")
    assert out.count("Mounted from push/source") == 3
    assert inspect(registry, "push/target:1")["Digest"] == image.manifest_digest


def test_quiet_says_only_the_name(hcs, registry, pulled):
    rename(hcs, pulled, f"{registry.host}/push/quiet:1")
    assert hcs.ok("push", "-q", f"{registry.host}/push/quiet:1") == f"{registry.host}/push/quiet:1\n"


def test_every_tag(hcs, registry, pulled, lying):
    lying.tags["two"] = lying.tags["latest"]
    hcs.ok("pull", f"{lying.host}/x:two")
    rename(hcs, pulled, f"{registry.host}/push/all:latest")
    rename(hcs, f"{lying.host}/x:two", f"{registry.host}/push/all:two")
    hcs.ok("push", "-a", f"{registry.host}/push/all")
    tags = json.loads(registry.fetch("/v2/push/all/tags/list")[0])["tags"]
    assert sorted(tags) == ["latest", "two"]


def test_what_is_not_here(hcs, registry):
    assert "nothing:1" in hcs.fails("push", f"{registry.host}/push/nothing:1")
    assert "push/nothing" in hcs.fails("push", "-a", f"{registry.host}/push/nothing")


def test_a_digest_cannot_be_pushed(hcs, pulled, lying, image):
    assert "digest" in hcs.fails("push", f"{lying.host}/x@{image.manifest_digest}")


class Sink:
    """The half of a registry that takes uploads, over one that lies."""

    def __init__(self, lying, *, location=None, fail=None):
        self.lying, self.location, self.fail = lying, location, list(fail or [])
        self.blobs, self.manifests, self.uploads = {}, {}, 0
        lying.lie = self

    def __call__(self, request):
        path, _, query = request.path.partition("?")
        if request.command == "HEAD" and "/blobs/" in path:
            return request.answer(200 if path.rsplit("/", 1)[1] in self.blobs else 404)
        if request.command == "POST":
            self.uploads += 1
            where = (self.location or "{path}{n}").format(path=path, n=self.uploads,
                                                          host=self.lying.host)
            return request.answer(202, b"", {"Location": where})
        if request.command == "PUT" and "/blobs/uploads/" in path:
            if self.fail:
                return self.fail.pop(0)(request)
            name = query.split("digest=")[1]
            assert digest(request.body) == name
            self.blobs[name] = request.body
            return request.answer(201)
        if request.command == "PUT":
            self.manifests[path] = request.body
            return request.answer(201, b"", {"Docker-Content-Digest": digest(request.body)})
        return None


@pytest.fixture
def sink(lying):
    def make(**options):
        return Sink(lying, **options)
    return make


@pytest.mark.parametrize("location", [
    "{path}{n}", "http://{host}{path}{n}", "{path}{n}?state=a%2Fb", "http://{host}{path}{n}?_s=1"])
def test_where_a_registry_wants_a_blob(hcs, lying, pulled, image, sink, location):
    to = sink(location=location)
    hcs.ok("push", pulled)
    assert set(to.blobs) == set(image.blobs) - {image.manifest_digest}
    assert list(to.manifests.values()) == [image.manifest_text]


@pytest.mark.parametrize("failure", [
    lambda r: r.answer(500), lambda r: r.answer(429, b"", {"Retry-After": "1"}),
    lambda r: r.break_off()], ids=["500", "429", "broken off"])
def test_a_failed_upload_is_begun_again(hcs, lying, pulled, image, sink, failure):
    to = sink(fail=[failure, failure])
    hcs.ok("push", pulled)
    assert set(to.blobs) == set(image.blobs) - {image.manifest_digest}


@pytest.mark.parametrize("failure, said", [
    (lambda r: r.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"),
     "digest did not match"),
    (lambda r: r.error(403, "DENIED", "requested access to the resource is denied"), "denied"),
    (lambda r: r.error(413, "SIZE_INVALID", "too large"), "too large"),
    (lambda r: r.answer(307, b"", {"Location": "file:///tmp/x"}), "file:"),
    (lambda r: r.answer(302, b"", {"Location": "/v2/elsewhere"}), "redirects"),
], ids=["400", "403", "413", "307", "302"])
def test_a_refused_upload_is_said(hcs, pulled, sink, failure, said):
    sink(fail=[failure])
    error = hcs.fails("push", pulled)
    assert said in error and pulled in error


def test_an_upload_to_another_host_is_not_told_who_we_are(hcs, lying, make_lying, pulled, image):
    elsewhere = make_lying(address="127.0.0.2")
    (hcs.home / ".docker").mkdir()
    (hcs.home / ".docker/config.json").write_text(json.dumps(
        {"auths": {lying.host: {"auth": "dXNlcjpzZWNyZXQ="}}}))
    here = Sink(lying, location=f"http://{elsewhere.host}{{path}}{{n}}")
    there = Sink(elsewhere)
    takes = lying.lie

    def lie(request):
        if "Authorization" not in request.headers:
            return request.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        return takes(request)

    lying.lie = lie
    hcs.ok("push", pulled)
    assert set(there.blobs) == set(image.blobs) - {image.manifest_digest}
    assert here.manifests
    assert not any("Authorization" in r[2] for r in elsewhere.seen)


@pytest.mark.parametrize("location", ["nonsense://x", "http://registry.invalid/x"])
def test_nowhere_to_send(hcs, pulled, sink, location):
    to = sink(location=location)
    hcs.fails("push", pulled, timeout=60)
    assert not to.manifests


def test_a_registry_that_changes_manifests_is_found_out(hcs, lying, pulled, sink):
    to = sink()

    def lie(request):
        if request.command == "PUT" and request.is_manifest:
            return request.answer(201, b"", {"Docker-Content-Digest": digest(b"another")})
        return to(request)

    lying.lie = lie
    assert digest(b"another") in hcs.fails("push", pulled)
