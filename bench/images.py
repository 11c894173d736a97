# SPDX-License-Identifier: Apache-2.0
"""Pulling an image from a registry on loopback until it could be run: hcs beside skopeo with umoci, and
beside containerd. Every round each of them, in turn; all start with nothing."""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import tarfile
import time

import stats

KEYS = ("pull",)
LAYERS = 5
LAYER_MIB = 60
FILES_A_LAYER = 400
ROUNDS_SHARE = 1 / 8  # of the rounds: each is seconds of three programs
SKOPEO_TARGET = 0.7
CONTAINERD_TARGET = 1.0
NAME = "bench/image:1"
TIMEOUT_S = 300

REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{address}"}}
"""
CONTAINERD = """\
version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "{dir}/sock"
[ttrpc]
address = "{dir}/sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{dir}/opt"
"""


def words(seed, size):
    """Text that packs as programs and documents do, to a third or so."""
    source = random.Random(seed)
    vocabulary = [bytes(source.choices(range(256), k=source.randint(2, 9))) for _ in range(3000)]
    text = b" ".join(source.choices(vocabulary, k=size // 5))
    return text[:size]


def layer(number):
    archive = io.BytesIO()
    size = LAYER_MIB * 1024 * 1024 // FILES_A_LAYER
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for n in range(FILES_A_LAYER):
            data = words(f"{number}/{n}", size)
            info = tarfile.TarInfo(f"usr/share/layer{number}/{n // 20}/{n}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


def write_layout(path):
    """The image as an OCI layout."""
    blobs = os.path.join(path, "blobs/sha256")
    os.makedirs(blobs)

    def blob(data, media_type):
        name = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, name), "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + name, "size": len(data)}

    layers, diff_ids = [], []
    for number in range(LAYERS):
        tar = layer(number)
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        layers.append(blob(gzip.compress(tar, 6, mtime=0),
                           "application/vnd.oci.image.layer.v1.tar+gzip"))
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                              "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode(),
                  "application/vnd.oci.image.config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "config": config, "layers": layers,
                                "mediaType": "application/vnd.oci.image.manifest.v1+json"}).encode(),
                    "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    for name, text in (("oci-layout", {"imageLayoutVersion": "1.0.0"}),
                       ("index.json", {"schemaVersion": 2, "manifests": [manifest]})):
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            json.dump(text, file)
    return sum(item["size"] for item in layers)


def quiet(command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                          **options)


class Daemon:
    def __init__(self, command, log, ready):
        with open(log, "wb") as file:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file,
                                             stderr=file)
        deadline = time.monotonic() + 60
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{command[0]} does not come up, see {log}")
            time.sleep(0.05)

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_registry(directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    config = os.path.join(directory, "registry.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(REGISTRY.format(root=os.path.join(directory, "registry"), address=address))

    def ready():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    return address, Daemon(["docker-registry", "serve", config],
                           os.path.join(directory, "registry.log"), ready)


class Hcs:
    name = "hcs"

    def __init__(self, directory, address, program):
        self._root = os.path.join(directory, "hcs")
        self._image = f"{address}/{NAME}"
        self._program = program
        self._environment = {**os.environ, "HOME": directory}

    def pull(self):
        quiet([self._program, "--root", self._root, "pull", "-q", self._image],
              env=self._environment)

    def clean(self):
        shutil.rmtree(self._root, ignore_errors=True)

    close = clean


class Skopeo:
    name = "skopeo+umoci"

    def __init__(self, directory, address):
        self._dir = os.path.join(directory, "skopeo")
        self._image = f"{address}/{NAME}"

    def pull(self):
        quiet(["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
               f"docker://{self._image}", f"oci:{self._dir}/oci:1"])
        quiet(["umoci", "unpack", "--image", f"{self._dir}/oci:1", f"{self._dir}/bundle"])

    def clean(self):
        shutil.rmtree(self._dir, ignore_errors=True)
        os.makedirs(self._dir)

    def close(self):
        shutil.rmtree(self._dir, ignore_errors=True)


class Containerd:
    name = "containerd"

    def __init__(self, directory, address):
        self._dir = os.path.join(directory, "containerd")
        self._image = f"{address}/{NAME}"
        os.makedirs(self._dir, mode=0o711)
        config = os.path.join(self._dir, "config.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONTAINERD.format(dir=self._dir))
        self._daemon = Daemon(["containerd", "--config", config], os.path.join(self._dir, "log"),
                              lambda: subprocess.run(self._ctr("version"), check=False,
                                                     capture_output=True).returncode == 0)
        # overlayfs where the directory is on a file system that takes it, as for its users.
        plugins = subprocess.run(self._ctr("plugins", "ls"), check=True, capture_output=True,
                                 text=True).stdout
        states = {line.split()[1]: line.split()[-1] for line in plugins.splitlines()
                  if line.startswith("io.containerd.snapshotter")}
        self._snapshotter = "overlayfs" if states.get("overlayfs") == "ok" else "native"
        self.name = f"containerd/{self._snapshotter}"

    def _ctr(self, *arguments):
        return ["ctr", "--address", f"{self._dir}/sock", "--namespace", "hcs-bench", *arguments]

    def pull(self):
        quiet(self._ctr("images", "pull", "--plain-http", "--snapshotter", self._snapshotter,
                        self._image))

    def clean(self):
        subprocess.run(self._ctr("images", "rm", "--sync", self._image), check=False,
                       capture_output=True)
        left = subprocess.run(self._ctr("content", "ls", "-q"), check=True, capture_output=True,
                              text=True).stdout.split()
        if left:
            raise RuntimeError("containerd keeps what it was to forget")

    def close(self):
        self._daemon.close()
        shutil.rmtree(self._dir, ignore_errors=True)


def make_pullers(directory, address, program):
    """Those that are here, and why the others are not."""
    pullers, notes = [], {}
    for make, programs in ((lambda: Hcs(directory, address, program), [program]),
                           (lambda: Skopeo(directory, address), ["skopeo", "umoci"]),
                           (lambda: Containerd(directory, address), ["containerd", "ctr"])):
        lacking = [p for p in programs if not shutil.which(p)]
        if lacking:
            notes[programs[0]] = f"not installed: {' '.join(lacking)}"
        else:
            pullers.append(make())
    return pullers, notes


def measure(pullers, rounds):
    """{name: {round: ms}}; whoever begins changes from round to round."""
    samples = {p.name: {} for p in pullers}
    for number in range(-1, rounds):  # the first one warms the registry's files
        for at in range(len(pullers)):
            puller = pullers[(at + number) % len(pullers)]
            puller.clean()
            os.sync()  # what one left to be written is not another's cost
            began = time.monotonic()
            puller.pull()
            if number >= 0:
                samples[puller.name][number] = (time.monotonic() - began) * 1000
    return samples


def results_of(samples, notes, size):
    ours = samples.get("hcs")
    for peer, target in (("skopeo", SKOPEO_TARGET), ("containerd", CONTAINERD_TARGET)):
        entries = {}
        for name, values in samples.items():
            if values and (name == "hcs" or name.startswith(peer)):
                entries[name] = {"unit": "ms", "stats": stats.summary(list(values.values())),
                                 "samples": list(values.values())}
                if name != "hcs" and ours:
                    ratio = stats.pairwise_ratio(ours, values)
                    entries["hcs"]["ratio"] = ratio
                    entries["hcs"]["pass"] = ratio["median"] <= target
        for name, note in notes.items():
            if name == "hcs" or name.startswith(peer):
                entries[name] = {"note": note}
        yield {"key": "pull", "target": f"<= {target} x {peer}", "entries": entries,
               "title": f"pull of {LAYERS} layers, {LAYERS * LAYER_MIB} MiB ({size >> 20} MiB "
                        f"packed), beside {peer} (ratio to it)"}


def measure_all(wanted, add, directory, program, rounds):
    if not wanted("pull"):
        return
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        add({"key": "pull", "title": "pull", "entries": {
            "hcs": {"note": "docker-registry and skopeo are needed, and not installed"}}})
        return
    layout = os.path.join(directory, "layout")
    size = write_layout(layout)
    address, registry = start_registry(directory)
    pullers = []
    try:
        quiet(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{layout}:1",
               f"docker://{address}/{NAME}"])
        pullers, notes = make_pullers(directory, address, program)
        samples = measure(pullers, max(3, round(rounds * ROUNDS_SHARE)))
    finally:
        for puller in pullers:
            puller.close()
        registry.close()
        shutil.rmtree(layout, ignore_errors=True)
    for result in results_of(samples, notes, size):
        add(result)
