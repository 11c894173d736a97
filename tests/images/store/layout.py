"""Images made by hand: layers from lists of entries, OCI layouts and docker archives around them."""
import gzip
import hashlib
import io
import json
import subprocess
import tarfile

OCI = "application/vnd.oci.image."


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(*entries):
    """A tar of (name, content or dict) in this order. None: a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            info.mtime = 1700000000
            info.mode = 0o644
            data = None
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, dict):
                what = dict(what)
                data = what.pop("data", None)
                info.pax_headers = what.pop("pax", {})
                for key, value in what.items():
                    setattr(info, key, value)
            else:
                data = what
            if isinstance(data, str):
                data = data.encode()
            if data is not None:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def pack(data, how):
    if how == "gzip":
        return gzip.compress(data, mtime=0)
    if how == "gzip-members":
        half = len(data) // 2
        return gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0) + bytes(512)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    assert how == "plain"
    return data


def config(layers, **more):
    document = {"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
                "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in layers]}}
    document.update(more)
    return json.dumps(document).encode()


class Image:
    """The parts of one image; every attribute may be spoiled before it is written."""

    def __init__(self, layers, how="gzip", **more):
        self.diffs = layers
        self.config = config(layers, **more)
        self.layers = [pack(data, how) for data in layers]
        kind = {"plain": "", "zstd": "+zstd"}.get(how, "+gzip")
        self.manifest = {
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": {"mediaType": OCI + "config.v1+json", "digest": sha256(self.config), "size": len(self.config)},
            "layers": [{"mediaType": OCI + "layer.v1.tar" + kind, "digest": sha256(data), "size": len(data)}
                       for data in self.layers]}

    @property
    def id(self):
        return sha256(self.config)

    def manifest_text(self):
        return json.dumps(self.manifest).encode()

    def descriptor(self, **more):
        text = self.manifest_text()
        return {"mediaType": self.manifest["mediaType"], "digest": sha256(text), "size": len(text), **more}

    def oci_files(self):
        parts = [self.manifest_text(), self.config, *self.layers]
        return {"blobs/sha256/" + sha256(part)[7:]: part for part in parts}


def oci_layout(*named):
    """Files of a layout with (image, name or None)."""
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    manifests = []
    for image, name in named:
        files.update(image.oci_files())
        more = {"annotations": {OCI.replace("application/vnd.oci", "org.opencontainers") + "ref.name": name}} \
            if name else {}
        manifests.append(image.descriptor(**more))
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    return files


def docker_archive(*named):
    """Files as docker save had them up to version 24."""
    files = {}
    manifest = []
    for image, tags in named:
        name = sha256(image.config)[7:] + ".json"
        files[name] = image.config
        layers = []
        for data in image.layers:
            where = sha256(data)[7:] + "/layer.tar"
            files[where] = data
            files[where.replace("layer.tar", "VERSION")] = b"1.0"
            files[where.replace("layer.tar", "json")] = b"{}"
            layers.append(where)
        manifest.append({"Config": name, "RepoTags": tags, "Layers": layers})
    files["manifest.json"] = json.dumps(manifest).encode()
    files["repositories"] = b"{}"
    return files


def write_tar(path, files, links=(), mode="w"):
    with tarfile.open(path, mode, format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def write_directory(path, files):
    for name, data in files.items():
        at = path / name
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)
    return path


def walk(root):
    """All that a tree has, but for the times of directories that no archive had an entry for."""
    import os
    import stat
    found = {}
    inodes = {}
    for directory, dirs, names in os.walk(root, followlinks=False):
        for name in dirs + names:
            path = os.path.join(directory, name)
            at = os.path.relpath(path, root)
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            content = None
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif kind == stat.S_IFLNK:
                content = os.readlink(path)
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                content = st.st_rdev
            xattrs = {key: os.getxattr(path, key, follow_symlinks=False)
                      for key in os.listxattr(path, follow_symlinks=False)
                      if not key.startswith(("trusted.overlay.", "user.rootlesscontainers"))}
            first = at
            if kind != stat.S_IFDIR and st.st_nlink > 1:
                first = inodes.setdefault((st.st_dev, st.st_ino), at)
            found[at] = (oct(st.st_mode), st.st_uid, st.st_gid, content, st.st_mtime_ns, tuple(sorted(xattrs.items())),
                         first)
    return found
