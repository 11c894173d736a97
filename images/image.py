#!/usr/bin/python3
"""OCI images without a container engine.

    image.py build ROOTFS LAYOUT [--cmd WORD...] [--label K=V...]   a layout of one layer (or several: --layer)
    image.py push LAYOUT http://HOST:PORT/NAME:TAG                  to a registry, over plain HTTP
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

OCI = "application/vnd.oci.image."
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def put_blob(layout: Path, data: bytes) -> dict:
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


class Tee:
    """What is written goes on, and into a digest."""

    def __init__(self, to):
        self.to, self.hash = to, hashlib.sha256()

    def write(self, data):
        self.hash.update(data)
        return self.to.write(data)


def put_layer(layout: Path, root: Path) -> tuple:
    """Sorted, so that the same tree gives the same bytes. (descriptor, diff id)"""
    part = layout / "layer.part"
    with open(part, "wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        plain = Tee(packed)
        with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(root.rglob("*"), key=lambda p: p.parts):
                tar.add(path, str(path.relative_to(root)), recursive=False)
    digest = hashlib.sha256()
    with open(part, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    name, size = digest.hexdigest(), part.stat().st_size
    part.rename(layout / "blobs/sha256" / name)
    return ({"mediaType": OCI + "layer.v1.tar+gzip", "digest": f"sha256:{name}", "size": size},
            f"sha256:{plain.hash.hexdigest()}")


def build(args) -> None:
    layout = Path(args.layout + ".part")
    shutil.rmtree(layout, ignore_errors=True)
    (layout / "blobs/sha256").mkdir(parents=True)
    layers = [put_layer(layout, Path(root)) for root in [args.rootfs, *args.layer]]
    newest = max(int(p.lstat().st_mtime) for p in Path(args.rootfs).iterdir())
    created = __import__("datetime").datetime.utcfromtimestamp(newest).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        "created": created,
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": {"Env": [f"PATH={PATH}"], "Cmd": args.cmd, "WorkingDir": "/",
                   "Labels": dict(label.split("=", 1) for label in args.label)},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
        "history": [{"created": created, "created_by": "./dev images"} for _ in layers],
    }
    config_blob = put_blob(layout, json.dumps(config).encode())
    manifest = put_blob(layout, json.dumps({
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": {"mediaType": OCI + "config.v1+json", **config_blob},
        "layers": [descriptor for descriptor, _ in layers]}).encode())
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({
        "schemaVersion": 2, "manifests": [{
            "mediaType": OCI + "manifest.v1+json", **manifest,
            "annotations": {"org.opencontainers.image.ref.name": args.tag}}]}))
    shutil.rmtree(args.layout, ignore_errors=True)
    layout.rename(args.layout)


def call(method: str, url: str, data=None, headers=None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    return urllib.request.urlopen(request, timeout=60)  # loopback


def is_there(url: str) -> bool:
    try:
        return call("HEAD", url).status == 200
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise


def push_blob(base: str, layout: Path, digest: str) -> None:
    if is_there(f"{base}/blobs/{digest}"):
        return
    where = call("POST", f"{base}/blobs/uploads/", b"").headers["Location"]
    where = urllib.parse.urljoin(base, where)
    where += ("&" if "?" in where else "?") + "digest=" + urllib.parse.quote(digest)
    path = layout / "blobs/sha256" / digest.partition(":")[2]
    with open(path, "rb") as file:
        call("PUT", where, file, {"Content-Type": "application/octet-stream",
                                  "Content-Length": str(path.stat().st_size)})


def push(args) -> None:
    layout = Path(args.layout)
    url = urllib.parse.urlsplit(args.url)
    name, _, tag = url.path.strip("/").rpartition(":")
    base = f"{url.scheme}://{url.netloc}/v2/{name}"
    index = json.loads((layout / "index.json").read_text())
    descriptor = index["manifests"][0]
    text = (layout / "blobs/sha256" / descriptor["digest"].partition(":")[2]).read_bytes()
    manifest = json.loads(text)
    for blob in [*manifest["layers"], manifest["config"]]:
        push_blob(base, layout, blob["digest"])
    call("PUT", f"{base}/manifests/{tag}", text, {"Content-Type": manifest["mediaType"]})
    print(f"{url.netloc}/{name}:{tag} {descriptor['digest']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("build")
    p.add_argument("rootfs")
    p.add_argument("layout")
    p.add_argument("--layer", action="append", default=[], help="one more layer above, a directory")
    p.add_argument("--cmd", nargs="+", default=["/bin/sh"])
    p.add_argument("--label", action="append", default=[])
    p.add_argument("--tag", default="latest")
    p.set_defaults(run=build)
    p = commands.add_parser("push")
    p.add_argument("layout")
    p.add_argument("url")
    p.set_defaults(run=push)
    args = parser.parse_args()
    try:
        args.run(args)
    except (OSError, urllib.error.URLError) as error:
        sys.exit(f"image.py: {error}")


if __name__ == "__main__":
    main()
