"""Images for the tests: made here, so that every byte is known, and written as OCI layouts."""

import gzip
import hashlib
import io
import json
import random
import tarfile

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def noise(size: int, seed) -> bytes:
    """Bytes that do not get smaller, the same ones for the same seed."""
    return random.Random(str(seed)).randbytes(size)


def tar_of(files: dict) -> bytes:
    """files: name to content."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


class Image:
    """One image: its blobs by digest, and the descriptors between them."""

    def __init__(self, layers, *, architecture="amd64", docker=False, labels=None, level=1):
        self.files = {}
        self.blobs = {}
        self.docker = docker
        self.diff_ids = []
        self.layers = []
        for files in layers:
            self.files.update(files)
            tar = tar_of(files)
            self.diff_ids.append(digest(tar))
            self.layers.append(self._blob(gzip.compress(tar, level, mtime=0),
                                          DOCKER_LAYER if docker else OCI_LAYER))
        config = {"architecture": architecture, "os": "linux",
                  "config": {"Cmd": ["/bin/true"], "Labels": labels or {}},
                  "rootfs": {"type": "layers", "diff_ids": self.diff_ids}}
        self.config = self._blob(json.dumps(config).encode(),
                                 DOCKER_CONFIG if docker else OCI_CONFIG)
        manifest = {"schemaVersion": 2,
                    "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
                    "config": self.config, "layers": self.layers}
        self.manifest = self._blob(json.dumps(manifest).encode(), manifest["mediaType"])
        self.manifest["platform"] = {"os": "linux", "architecture": architecture}

    def _blob(self, data: bytes, media_type: str) -> dict:
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    @property
    def manifest_digest(self) -> str:
        return self.manifest["digest"]

    @property
    def manifest_text(self) -> bytes:
        return self.blobs[self.manifest_digest]

    def layer_data(self, n: int) -> bytes:
        return self.blobs[self.layers[n]["digest"]]


class Index:
    """Several images under one name."""

    def __init__(self, images, *, docker=False):
        self.blobs = {}
        for image in images:
            self.blobs.update(image.blobs)
        self.media_type = DOCKER_LIST if docker else OCI_INDEX
        self.text = json.dumps({"schemaVersion": 2, "mediaType": self.media_type,
                                "manifests": [i.manifest for i in images]}).encode()
        self.blobs[digest(self.text)] = self.text
        self.digest = digest(self.text)


def small_image(seed=0, layers=3, size=200_000, **options) -> Image:
    return Image([{f"layer{n}/noise": noise(size, (seed, n)),
                   f"layer{n}/name": f"{seed} {n}".encode()} for n in range(layers)], **options)


def write_layout(image: Image, path, tag="latest") -> None:
    blobs = path / "blobs/sha256"
    blobs.mkdir(parents=True)
    for name, data in image.blobs.items():
        (blobs / name.split(":")[1]).write_bytes(data)
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    manifest = {k: v for k, v in image.manifest.items() if k != "platform"}
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
