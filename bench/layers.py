# SPDX-License-Identifier: Apache-2.0
"""Hyperv isolation from layers: block devices (erofs images over an ext4 scratch) beside the same layers by
virtio-fs (directories), round by round."""

import json
import os
import shutil
import subprocess
import time

import stats

KEYS = ["hv-layers", "hv-read"]
FILE_BYTES = 200 * 10**6  # target.c reads as much
READ_ROUNDS = 5
RUN_TARGET = 1.05  # that of virtio-fs
KINDS = ("disks", "virtio-fs")


def make_layers(bench, kind, directory):
    """Two layers, the upper one with a large file, the other with the programs of all."""
    layers = []
    for name in ("file", "base"):
        folder = os.path.join(directory, name)
        if not os.path.exists(folder):
            if name == "base":
                shutil.copytree(bench.rootfs, folder, symlinks=True)
            else:
                os.makedirs(folder)
                with open(os.path.join(folder, "file"), "wb") as file:
                    for _ in range(FILE_BYTES // 10**6):
                        file.write(os.urandom(10**6))
        if kind == "disks":
            subprocess.run(["mkfs.erofs", "--quiet", folder + ".erofs", folder], check=True)
            folder += ".erofs"
        layers.append(folder)
    return layers


def write_config(bench, path, layers, program):
    with open(os.path.join(bench.bundles["true"], "config.json"), encoding="utf-8") as file:
        spec = json.load(file)
    del spec["root"]
    spec["process"]["args"] = [program]
    spec["windows"] = {"layerFolders": layers}
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
        json.dump(spec, file)
    return path


def prepare(bench, runtime, directory):
    """{kind: {program: bundle}}"""
    bundles = {}
    for kind in KINDS:
        layers = make_layers(bench, kind, directory)
        scratch = os.path.join(directory, "scratch-" + kind)
        if kind == "disks":
            subprocess.run([runtime.command, "create-scratch", "--destpath", scratch,
                            "--sizeGB", "1"], check=True)
        else:
            os.makedirs(scratch)
        bundles[kind] = {program: write_config(bench, os.path.join(directory, f"{program}-{kind}"),
                                               [*layers, scratch], "/bin/" + program)
                         for program in ("true", "read")}
    return bundles


def time_run(bench, runtime, bundle):
    name = bench.container(runtime, "layers")
    start = time.monotonic()
    subprocess.run(runtime.call("run", "-b", bundle, name), check=True, stdin=subprocess.DEVNULL)
    return (time.monotonic() - start) * 1000


def read_speed(bench, runtime, bundle):
    """MB/s: the container says a byte before, and one after."""
    name = bench.container(runtime, "layers")
    with subprocess.Popen(runtime.call("run", "-b", bundle, name), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        fd = process.stdout.fileno()
        os.read(fd, 1)
        start = time.monotonic()
        if os.read(fd, 1) != b"E":
            raise subprocess.CalledProcessError(1, "read")
        return FILE_BYTES / 1e6 / (time.monotonic() - start)


def compare(key, title, target, unit, bundles, measure, rounds, better):
    got = {kind: [] for kind in KINDS}
    for kind in KINDS:
        measure(bundles[kind])  # the host's caches, the same for both
    for _ in range(rounds):
        for kind in KINDS:
            got[kind].append(measure(bundles[kind]))
    entries = {kind: {"unit": unit, "stats": stats.summary(values), "samples": values}
               for kind, values in got.items()}
    medians = [entries[kind]["stats"]["median"] for kind in KINDS]
    entries["disks"]["pass"] = better(*medians)
    return {"key": key, "title": title, "entries": entries, "target": target}


def measure_all(wanted, add, bench, runtime, rounds):
    if not any(wanted(key) for key in KEYS):
        return
    directory = os.path.join(os.path.dirname(bench.rootfs), "layers")
    bundles = prepare(bench, runtime, directory)
    if wanted("hv-layers"):
        add(compare("hv-layers", "hyperv: run from layers, cold",
                    f"<= {RUN_TARGET} x by virtio-fs", "ms",
                    {kind: b["true"] for kind, b in bundles.items()},
                    lambda b: time_run(bench, runtime, b), max(3, rounds // 3),
                    lambda disks, shared: disks <= RUN_TARGET * shared))
    if wanted("hv-read"):
        add(compare("hv-read", f"hyperv: reading a file of {FILE_BYTES // 10**6} MB of a layer",
                    "faster than by virtio-fs", "MB/s",
                    {kind: b["read"] for kind, b in bundles.items()},
                    lambda b: read_speed(bench, runtime, b), READ_ROUNDS,
                    lambda disks, shared: disks > shared))
