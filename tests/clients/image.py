"""A small image with busybox and a few programs, written by hand as an OCI image layout."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile

BUSYBOX = "/bin/busybox"

# Programs that the tests run, besides busybox.
PROGRAMS = {
    # A well-behaved service: says when it is ready, ends by itself on SIGTERM.
    "bin/catch-term": "#!/bin/sh\n"
                      "trap 'echo caught; exit 42' TERM\n"
                      "echo ready\n"
                      "while :; do sleep 1 & wait $!; done\n",
    # Takes 100 MiB of memory at least.
    "bin/eat-memory": "#!/bin/sh\n"
                      "exec tail -c 100000000 /dev/zero\n",
    # Executable, but its interpreter is not there: execve says ENOENT.
    "bin/no-interpreter": "#!/no/such/interpreter\n",
}
NOT_EXECUTABLE = "etc/not-executable"
APP_USER = (1000, 1000)

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
                  "app:x:1000:1000:app:/home/app:/bin/sh\n",
    "etc/group": "root:x:0:\napp:x:1000:\nextra:x:1234:app\n",
    NOT_EXECUTABLE: "#!/bin/sh\necho never\n",
}
DIRECTORIES = ("bin", "dev", "etc", "home", "home/app", "proc", "root", "sys", "tmp", "var")


def layer():
    """The image's only layer, an uncompressed tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        def add(name, type=tarfile.REGTYPE, data=b"", mode=0o644, link="", owner=(0, 0)):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname, info.size = type, mode, link, len(data)
            info.uid, info.gid = owner
            tar.addfile(info, io.BytesIO(data))

        for name in DIRECTORIES:
            add(name, tarfile.DIRTYPE, mode=0o1777 if name == "tmp" else 0o755,
                owner=APP_USER if name == "home/app" else (0, 0))
        with open(BUSYBOX, "rb") as busybox:
            add("bin/busybox", data=busybox.read(), mode=0o755)
        applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
        for applet in applets.stdout.split():
            if applet != "busybox":
                add(f"bin/{applet}", tarfile.SYMTYPE, mode=0o777, link="busybox")
        for name, text in FILES.items():
            add(name, data=text.encode())
        for name, text in PROGRAMS.items():
            add(name, data=text.encode(), mode=0o755)
    return archive.getvalue()


def write_layout(directory, tag):
    """Write an OCI image layout with one image, named `tag`, to `directory`."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{media_type}",
                "digest": f"sha256:{digest}", "size": len(data)}

    def document(value, media_type):
        return blob(json.dumps(value).encode(), media_type)

    tar = layer()
    config = document({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "FROM_IMAGE=yes"],
                   "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
        "history": [{"created_by": "hand"}],
    }, "config.v1+json")
    manifest = document({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [blob(gzip.compress(tar, 1, mtime=0), "layer.v1.tar+gzip")],
    }, "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2,
                                                      "manifests": [manifest]}))
