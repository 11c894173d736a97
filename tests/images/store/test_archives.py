"""Archives of images: every form that is about, ours and others', and those that lie."""
import json
import subprocess
import tarfile

import pytest

from .conftest import need
from .layout import (Image, docker_archive, layer, oci_layout, pack, sha256, walk, write_directory, write_tar)


def two_layers(how="gzip", **more):
    lower = layer(("etc", None), ("etc/a", "lower a"), ("etc/gone", "x"), ("var", None), ("var/old", "x"),
                  ("bin", None), ("bin/ping", {"data": "ping", "mode": 0o4755, "uid": 0, "gid": 5}))
    upper = layer(("etc", None), ("etc/.wh.gone", ""), ("etc/b", "upper b"), ("var", None), ("var/.wh..wh..opq", ""),
                  ("var/new", "y"), ("ü", "name"), ("l", {"type": tarfile.SYMTYPE, "linkname": "etc/a"}),
                  ("h", {"type": tarfile.LNKTYPE, "linkname": "etc/b"}))
    return Image([lower, upper], how, **more)


def check_content(store, mounted, name):
    point = mounted(store("folders", name).split())
    assert (point / "etc/a").read_text() == "lower a"
    assert not (point / "etc/gone").exists()
    assert [p.name for p in (point / "var").iterdir()] == ["new"]
    assert (point / "ü").read_text() == "name"
    assert (point / "bin/ping").stat().st_mode & 0o7777 == 0o4755
    assert (point / "h").samefile(point / "etc/b")


@pytest.mark.parametrize("how", ["plain", "gzip", "gzip-members", "zstd"])
def test_an_oci_archive(store, tmp_path, mounted, how):
    image = two_layers(how)
    archive = write_tar(tmp_path / "a.tar", oci_layout((image, "some:1")))
    assert store("load", archive) == "Loaded image: some:1\n"
    found = json.loads(store("inspect", "some:1"))
    assert found["id"] == image.id and found["cmd"] == ["sh"]
    assert found["manifest"] == image.descriptor()["digest"]
    check_content(store, mounted, "some:1")


@pytest.mark.parametrize("how", ["plain", "gzip"])
def test_a_docker_archive(store, tmp_path, mounted, how):
    image = two_layers(how)
    archive = write_tar(tmp_path / "a.tar", docker_archive((image, ["some:1", "other.io/x:2"])))
    assert store("load", archive) == "Loaded image: some:1\nLoaded image: other.io/x:2\n"
    assert json.loads(store("inspect", "other.io/x:2"))["id"] == image.id
    check_content(store, mounted, image.id)


def test_an_archive_that_comes_through_a_pipe_compressed(store, tmp_path):
    archive = write_tar(tmp_path / "a.tar", docker_archive((two_layers("plain"), ["some:1"])))
    for how in "gzip", "zstd":
        packed = pack(archive.read_bytes(), how)
        assert store("load", "-", input=packed) == "Loaded image: some:1\n"


def test_a_layout_as_a_directory(store, tmp_path, mounted):
    image = two_layers()
    assert store("load", write_directory(tmp_path / "d", oci_layout((image, None)))) == f"Loaded image: {image.id}\n"
    check_content(store, mounted, image.id[7:19])


def test_layers_that_are_links_to_layers(store, tmp_path, mounted):
    image = two_layers("plain")
    files = docker_archive((image, ["some:1"]))
    manifest = json.loads(files["manifest.json"])
    first = manifest[0]["Layers"][0]
    manifest[0]["Layers"][0] = "link/layer.tar"
    files["manifest.json"] = json.dumps(manifest).encode()
    store("load", write_tar(tmp_path / "a.tar", files, links=[("link/layer.tar", "../" + first)]))
    check_content(store, mounted, "some:1")


def test_the_platform_chooses_in_an_index(store, tmp_path):
    images = {arch: Image([layer(("for", arch))], architecture=arch) for arch in ("amd64", "arm64", "s390x")}
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        image.descriptor(platform={"os": "linux", "architecture": arch}) for arch, image in images.items()]}).encode()
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "blobs/sha256/" + sha256(index)[7:]: index,
             "index.json": json.dumps({"schemaVersion": 2, "manifests": [
                 {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": sha256(index), "size": len(index),
                  "annotations": {"io.containerd.image.name": "docker.io/library/many:1"}}]}).encode()}
    for image in images.values():
        files.update(image.oci_files())
    archive = write_tar(tmp_path / "a.tar", files)
    store("load", archive, "linux/s390x")
    found = json.loads(store("inspect", "many:1"))
    assert found["id"] == images["s390x"].id
    assert found["target"] == sha256(index)
    assert "linux/riscv64" in store.fails("load", archive, "linux/riscv64")
    # What was for others is not kept.
    kept = {name.split("/")[-1] for name in store.files() if name.startswith("blobs")}
    assert images["s390x"].descriptor()["digest"][7:] in kept
    assert images["arm64"].descriptor()["digest"][7:] not in kept


def test_what_we_save_is_the_same_image(store, tmp_path, mounted):
    image = two_layers()
    store("load", write_tar(tmp_path / "a.tar", oci_layout((image, "some:1"))))
    store("tag", "some:1", "quay.io/other:2")
    saved = store.run("save", "some:1", "quay.io/other:2").stdout
    assert saved == store.run("save", "some:1", "quay.io/other:2").stdout
    (tmp_path / "b.tar").write_bytes(saved)
    with tarfile.open(tmp_path / "b.tar") as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
    assert [entry["RepoTags"] for entry in manifest] == [["some:1", "quay.io/other:2"]]
    store("rmi", image.id, "force")
    assert store("list") == ""
    assert store("load", tmp_path / "b.tar") == "Loaded image: some:1\nLoaded image: quay.io/other:2\n"
    assert json.loads(store("inspect", "some:1"))["manifest"] == image.descriptor()["digest"]
    check_content(store, mounted, "some:1")


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive", "oci"])
def test_skopeo_reads_what_we_save_and_we_what_it_writes(store, tmp_path, mounted, form):
    need("skopeo")
    image = two_layers("gzip")
    store("load", write_tar(tmp_path / "a.tar", oci_layout((image, "docker.io/library/some:1"))))
    (tmp_path / "b.tar").write_bytes(store.run("save", "some:1").stdout)
    source = "docker-archive" if form == "docker-archive" else "oci-archive"
    subprocess.run(["skopeo", "--insecure-policy", "copy", f"{source}:{tmp_path}/b.tar",
                    f"{form}:{tmp_path}/c:docker.io/library/some:2"], check=True, capture_output=True, timeout=120)
    store("rmi", "some:1")
    store("load", tmp_path / "c")
    name = image.id if form == "oci" else "some:2"
    assert json.loads(store("inspect", name))["diff_ids"] == [sha256(data) for data in image.diffs]
    check_content(store, mounted, name)


def test_umoci_unpacks_the_same_tree(store, tmp_path, mounted):
    need("umoci")
    pax = {"SCHILY.xattr.user.note": "value", "mtime": "1600000000.123456789"}
    image = Image([
        layer(("d", {"type": tarfile.DIRTYPE, "mode": 0o2750, "uid": 3, "gid": 4}), ("d/f", {"data": "x", "pax": pax}),
              ("d/sub", None), ("d/sub/x", "x"), ("e", None), ("e/x", "x"), ("f", "file"), ("g", None), ("g/x", "x"),
              ("fifo", {"type": tarfile.FIFOTYPE, "mode": 0o600}),
              ("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3, "mode": 0o666})),
        layer(("d", {"type": tarfile.DIRTYPE, "mode": 0o755}), ("d/.wh.sub", ""), ("e", None),
              ("e/.wh..wh..opq", ""), ("e/y", "y"), ("f", None), ("f/in", "in"), (".wh.g", "")),
        layer(("g", "a file now"), ("d", None), ("d/long" + "n" * 200, "x"),
              ("hard", {"type": tarfile.LNKTYPE, "linkname": "g"}))])
    directory = write_directory(tmp_path / "d", oci_layout((image, "1")))
    subprocess.run(["umoci", "unpack", "--image", f"{directory}:1", tmp_path / "umoci"], check=True,
                   capture_output=True, timeout=120)
    store("load", directory)
    ours, theirs = walk(mounted(store("folders", image.id).split())), walk(tmp_path / "umoci/rootfs")
    assert ours == theirs


LIES = {
    "a layer with other bytes": lambda image: image.layers.__setitem__(0, b"other"),
    "a layer cut short": lambda image: image.layers.__setitem__(0, image.layers[0][:-20]),
}


@pytest.mark.parametrize("lie", LIES)
def test_blobs_that_are_not_what_their_names_say(store, tmp_path, lie):
    image = two_layers()
    files = oci_layout((image, "some:1"))
    name = "blobs/sha256/" + image.manifest["layers"][0]["digest"][7:]
    LIES[lie](image)
    files[name] = image.layers[0]
    message = store.fails("load", write_tar(tmp_path / "a.tar", files))
    assert "what came is not what was asked for" in message and name[13:] in message
    assert store("list") == ""
    store("collect")
    assert store.files() == []


def test_a_diff_id_that_is_wrong(store, tmp_path):
    image = two_layers()
    image.config = image.config.replace(sha256(image.diffs[1])[7:].encode(), b"0" * 64)
    image.manifest["config"] = {**image.manifest["config"], "digest": sha256(image.config)}
    message = store.fails("load", write_tar(tmp_path / "a.tar", oci_layout((image, "some:1"))))
    assert "it is not what the image's configuration says" in message
    assert store("list") == ""
    assert not list((store.images / "layers").iterdir())


@pytest.mark.parametrize("spoil, what", [
    (lambda files: files.pop("index.json"), "no archive of images"),
    (lambda files: files.update({"index.json": b"{}"}), "manifests"),
    (lambda files: files.update({"index.json": b"nonsense"}), "invalid JSON"),
    (lambda files: files.pop(next(name for name in files if "blobs" in name)), "is not in the archive"),
    (lambda files: files.update({"index.json": b'{"schemaVersion":2,"manifests":[]}'}), "no image"),
])
def test_archives_that_lack_something(store, tmp_path, spoil, what):
    files = oci_layout((two_layers(), "some:1"))
    spoil(files)
    assert what in store.fails("load", write_tar(tmp_path / "a.tar", files))
    assert store("list") == ""
    store("collect")
    assert store.files() == []


@pytest.mark.parametrize("entries, what", [
    ([(".wh...", "")], "a whiteout of nothing"),
    ([("h", {"type": tarfile.LNKTYPE, "linkname": "../../../../etc/passwd"})], "link /h to"),
    ([("d", {"type": tarfile.DIRTYPE, "pax": {"SCHILY.xattr.trusted.overlay.redirect": "/x"}})], "overlayfs's own"),
    ([("n" * 256, "x")], "File name too long"),
])
def test_layers_that_attack(store, tmp_path, entries, what):
    image = Image([layer(*entries)])
    assert what in store.fails("load", write_tar(tmp_path / "a.tar", oci_layout((image, "some:1"))))
    assert store("list") == ""
    store("collect")
    assert store.files() == []


def test_import_with_changes(store, tmp_path, mounted):
    (tmp_path / "root.tar").write_bytes(layer(("etc", None), ("etc/a", "a")))
    image_id = store("import", tmp_path / "root.tar", "mine:1", 'CMD ["a", "b"]', "ENTRYPOINT run it",
                     'ENV A=1 B="2 3"', "ENV OLD form of it", "EXPOSE 80 53/udp", "LABEL k=v", "USER 1",
                     'VOLUME ["/data"]', "WORKDIR /w", "STOPSIGNAL SIGINT").strip()
    found = json.loads(store("inspect", "mine:1"))
    assert found["id"] == image_id
    assert found["cmd"] == ["a", "b"] and found["env"] == ["A=1", "B=2 3", "OLD=form of it"]
    blob = json.loads((store.images / "blobs/sha256" / image_id[7:]).read_bytes())
    assert blob["config"]["Entrypoint"] == ["/bin/sh", "-c", "run it"]
    assert blob["config"]["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert blob["config"]["Volumes"] == {"/data": {}} and blob["config"]["Labels"] == {"k": "v"}
    assert (mounted(store("folders", "mine:1").split()) / "etc/a").read_text() == "a"
    assert "ONBUILD" in store.fails("import", tmp_path / "root.tar", "mine:2", "ONBUILD RUN x")


def test_commit_adds_a_layer(store, tmp_path, mounted):
    image = two_layers()
    store("load", write_tar(tmp_path / "a.tar", oci_layout((image, "some:1"))))
    (tmp_path / "top.tar").write_bytes(layer(("etc", None), ("etc/.wh.a", ""), ("etc/c", "c")))
    store("commit", "some:1", tmp_path / "top.tar", "made:1")
    found = json.loads(store("inspect", "made:1"))
    assert found["diff_ids"][:2] == [sha256(data) for data in image.diffs] and len(found["diff_ids"]) == 3
    assert found["cmd"] == ["sh"]
    point = mounted(store("folders", "made:1").split())
    assert not (point / "etc/a").exists() and (point / "etc/c").read_text() == "c"
    assert (point / "etc/b").read_text() == "upper b"
    # The base goes, what it shares stays.
    store("rmi", "some:1")
    assert (mounted(store("folders", "made:1").split()) / "etc/b").exists()
