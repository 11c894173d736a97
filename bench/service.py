# SPDX-License-Identifier: Apache-2.0
"""What a user of `hcs` waits for, beside containerd's `ctr` and beside docker with the same image. The
daemons run in namespaces of the bench's own (tests/clients/sandbox.py), and so does everything timed."""

import json
import os
import shutil
import subprocess
import sys
import time

import stats

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests"))

KEYS = ("service-run", "service-hyperv", "service-read", "service-ps", "service-memory")
CTR_TARGET = 0.3
DOCKER_TARGET = 0.15
HYPERV_TARGET = 1300  # ms
HYPERV_SHARE = 1 / 6  # of the rounds: each boots a VM
READ_MB = 200
READ_ROUNDS = 3
STOPPED = 200
PS_TARGET = 50  # ms
PS_ROUNDS = 20
MEMORY_TARGET = 2.0  # MiB
MEMORY_ROUNDS = 3
TIMEOUT_S = 120
RUN_ROOT = "/run/hcs-bench"  # in the sandbox, where /run is a tmpfs as on a host
IMAGE = "docker.io/library/nano:latest"
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
READ = f"echo; dd if=$0 of=/dev/null bs=1M 2>/dev/null && echo {READ_MB}"


def entry_of(values, unit):
    return {"unit": unit, "stats": stats.summary(values), "samples": values}


class Place:
    """The sandbox with the image in all that are here: hcs, containerd, docker."""

    def __init__(self, sandbox, program):
        self.sandbox = sandbox
        self.program = os.path.abspath(program)
        self.notes = {}  # who is not here, and why
        self._make_image()
        self._containerd = self._docker = None
        self._start_containerd()
        self._start_docker()

    def hcs(self, *words):
        return [self.program, "--root", f"{self.sandbox.dir}/hcs", "--runroot", RUN_ROOT, *words]

    def ctr(self, *words):
        return ["ctr", "--address", f"{self._containerd}/sock", "--namespace", self.sandbox.name,
                *words]

    def docker(self, *words):
        return ["/usr/bin/docker", "--host", f"unix://{self._docker}/sock",
                "--config", f"{self._docker}/client", *words]

    def run(self, command, **options):
        return self.sandbox.run(command, timeout=TIMEOUT_S, **options)

    def _make_image(self):
        images = os.path.join(HERE, "..", "images")
        work = f"{self.sandbox.dir}/images"
        os.makedirs(work)
        rootfs = f"{work}/nano.rootfs"
        for command in (["sh", f"{images}/rootfs.sh", "nano", rootfs],
                        ["/usr/bin/python3", f"{images}/image.py", "build", rootfs, f"{work}/nano"]):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL)
        loaded = self.run(self.hcs("load", "-q", "-i", f"{work}/nano")).stdout
        self.run(self.hcs("tag", loaded.split()[-1], "nano"))
        self.archive = f"{work}/nano.tar"
        self.run(self.hcs("save", "-o", self.archive, "nano"))
        self.rootfs = rootfs

    def _start(self, name, command, answers):
        daemon = self.sandbox.daemon(name, command)
        self.sandbox.daemon_ready(
            daemon, name, lambda: self.run(answers, check=False).returncode == 0)

    def _start_containerd(self):
        if not shutil.which("ctr") or not shutil.which("containerd"):
            self.notes["ctr"] = "not installed"
            return
        self._containerd = self.sandbox.dir / "ctrd"
        self._containerd.mkdir(mode=0o711)
        config = self._containerd / "config.toml"
        config.write_text(CONTAINERD.format(dir=self._containerd))
        self._start("containerd", ["containerd", "--config", config], self.ctr("version"))
        self.run(self.ctr("images", "import", self.archive))

    def _start_docker(self):
        if not self._containerd or not os.access("/usr/bin/docker", os.X_OK):
            self.notes["docker"] = "not installed"
            return
        self._docker = self.sandbox.dir / "docker"
        self._docker.mkdir(mode=0o711)
        self._start("dockerd", [
            "dockerd", "--host", f"unix://{self._docker}/sock",
            "--data-root", self._docker / "data", "--exec-root", self._docker / "exec",
            "--pidfile", self._docker / "pid", "--containerd", f"{self._containerd}/sock",
            "--exec-opt", "native.cgroupdriver=cgroupfs",
            "--cgroup-parent", f"/{self.sandbox.name}/docker",
            "--oom-score-adjust", "0", "--storage-driver", "overlay2"], self.docker("version"))
        self.run(self.docker("load", "-i", self.archive))

    def peers(self):
        """{name: command}: the same image and program, and each one's own word for no network."""
        peers = {"hcs": self.hcs("run", "--rm", "nano", "true"),
                 "hcs, no network": self.hcs("run", "--rm", "--network", "none", "nano", "true")}
        if "ctr" not in self.notes:
            peers["ctr, no network"] = self.ctr("run", "--rm", IMAGE, "bench%r", "true")
        if "docker" not in self.notes:
            peers["docker"] = self.docker("run", "--rm", "nano", "true")
            peers["docker, no network"] = self.docker("run", "--rm", "--network", "none", "nano",
                                                      "true")
        return peers


class InsideDriver:
    """bench.Driver, with driver.c in the sandbox: entering it is on nobody's clock."""

    def __init__(self, driver, sandbox):
        self._driver, self._sandbox = driver, sandbox

    def measure(self, commands, rounds, warmup=2):
        words = []
        for name, command in commands.items():
            # What is still being cleared away by one is not to be another's cost.
            words += [":alt", name, ":time", *map(str, command), ":settle", ":idle", "50"]
        return self._driver.measure([word.replace(" ", "_") if before == ":alt" else word
                                     for before, word in zip([None, *words], words)],
                                    rounds, warmup=warmup, plain=True, timeout=TIMEOUT_S,
                                    prefix=self._sandbox.inside([]))


def measure_entries(driver, commands, rounds):
    """({name: {round: ms}}, {name: entry})"""
    samples, failures = driver.measure(commands, rounds)
    times, entries = {}, {}
    for name in commands:
        key = name.replace(" ", "_")
        got = {n: v[0] for n, v in samples.get(key, {}).items()}
        if key in failures or not got:
            entries[name] = {"note": failures.get(key, "no samples")}
        else:
            times[name] = got
            entries[name] = entry_of(list(got.values()), "ms")
    return times, entries


def run_results(place, driver, rounds):
    times, entries = measure_entries(driver, place.peers(), rounds)
    for peer, target in (("ctr", CTR_TARGET), ("docker", DOCKER_TARGET)):
        theirs = {n: e for n, e in entries.items() if n.startswith(peer)}
        rows = {}
        for name in ("hcs", "hcs, no network"):
            rows[name] = dict(entries[name])
            # ctr has no network by default: both of ours are held against that.
            base = (times.get(f"{peer}, no network") if peer == "ctr"
                    else times.get(name.replace("hcs", peer)))
            if name in times and base:
                ratio = stats.pairwise_ratio(times[name], base)
                rows[name].update(ratio=ratio, **{"pass": ratio["median"] <= target})
            elif name not in times:
                rows[name]["pass"] = False
        rows.update(theirs or {peer: {"note": place.notes.get(peer, "no samples")}})
        yield {"key": "service-run", "title": f"process: run --rm nano true, beside {peer} (ratio to it)",
               "target": f"<= {target} x {peer}", "entries": rows}


def hyperv_result(place, driver, rounds):
    commands = {"hyperv": place.hcs("run", "--rm", "--isolation", "hyperv", "nano", "true"),
                "hyperv, no network": place.hcs("run", "--rm", "--network", "none", "--isolation",
                                                "hyperv", "nano", "true")}
    _, entries = measure_entries(driver, commands, max(3, round(rounds * HYPERV_SHARE)))
    ours = entries["hyperv"]
    ours["pass"] = "stats" in ours and ours["stats"]["median"] <= HYPERV_TARGET
    return {"key": "service-hyperv", "title": "hyperv: run --rm nano true, cold",
            "target": f"<= {HYPERV_TARGET} ms", "entries": entries}


def read_speed(place, *words):
    """MB/s of the container's reading, without the boot: it says a line before, and one after."""
    command = place.hcs("run", "--rm", "--network", "none", "--isolation", "hyperv", *words)
    with subprocess.Popen(place.sandbox.inside(command), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        start = time.monotonic()
        if process.stdout.readline() != f"{READ_MB}\n".encode():
            raise RuntimeError("the file was not read")
        return READ_MB / (time.monotonic() - start)


def read_result(place):
    """A file of the image, on its disk, beside the same file from the host by virtio-fs."""
    shared = f"{place.sandbox.dir}/shared"
    os.makedirs(shared)
    with open(f"{shared}/file", "wb") as file:
        for _ in range(READ_MB):
            file.write(os.urandom(10**6))
    shutil.copy(f"{shared}/file", f"{place.rootfs}/file")
    subprocess.run(["tar", "-C", place.rootfs, "-cf", f"{shared}/big.tar", "."], check=True)
    place.run(place.hcs("import", f"{shared}/big.tar", "big"))
    os.unlink(f"{shared}/big.tar")
    got = {"of the image": [], "virtio-fs": []}
    for number in range(-1, READ_ROUNDS):  # the first one fills the host's caches for both
        for name, words in (
                ("of the image", ("big", "sh", "-c", READ, "/file")),
                ("virtio-fs", ("-v", f"{shared}:/mnt:ro", "nano", "sh", "-c", READ, "/mnt/file"))):
            speed = read_speed(place, *words)
            if number >= 0:
                got[name].append(speed)
    entries = {name: entry_of(values, "MB/s") for name, values in got.items()}
    medians = [entry["stats"]["median"] for entry in entries.values()]
    entries["of the image"]["pass"] = medians[0] > medians[1]
    return {"key": "service-read", "title": f"hyperv: reading a file of {READ_MB} MB",
            "target": "faster than by virtio-fs", "entries": entries}


def ps_result(place, driver):
    for _ in range(STOPPED):
        place.run(place.hcs("run", "--network", "none", "nano", "true"))
    _, entries = measure_entries(driver, {"hcs": place.hcs("ps", "-a")}, PS_ROUNDS)
    listed = place.run(place.hcs("ps", "-aq")).stdout.split()
    entries["hcs"]["pass"] = (len(listed) == STOPPED and "stats" in entries["hcs"]
                              and entries["hcs"]["stats"]["median"] < PS_TARGET)
    place.run(place.hcs("rm", *listed))
    return {"key": "service-ps", "title": f"ps -a with {STOPPED} stopped containers",
            "target": f"< {PS_TARGET} ms", "entries": entries}


def memory_sample(place):
    """MiB of a supervisor whose container has said something and goes on: (resident, Pss)."""
    name = place.run(place.hcs("run", "-d", "nano", "sh", "-c", "seq 10000; sleep 600")).stdout.strip()
    try:
        time.sleep(1)
        with open(f"{place.sandbox.dir}/hcs/containers/{name}/state.json", encoding="utf-8") as file:
            pid = json.load(file)["Supervisor"]
        rollup = place.run(["cat", f"/proc/{pid}/smaps_rollup"]).stdout
    finally:
        place.run(place.hcs("rm", "-f", name))
    fields = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return [int(fields[key].split()[0]) / 1024 for key in ("Rss", "Pss")]


def memory_result(place):
    samples = [memory_sample(place) for _ in range(MEMORY_ROUNDS)]
    entries = {label: entry_of([s[i] for s in samples], "MiB")
               for i, label in enumerate(("resident", "proportional"))}
    entries["resident"]["pass"] = entries["resident"]["stats"]["median"] <= MEMORY_TARGET
    return {"key": "service-memory", "title": "supervisor of a running container",
            "target": f"<= {MEMORY_TARGET} MiB resident", "entries": entries}


def measure_all(wanted, add, driver, program, rounds):
    if not any(wanted(key) for key in KEYS):
        return
    if not shutil.which("docker-init"):
        add({"key": "service-run", "title": "hcs run", "entries": {
            "hcs": {"note": "docker.io (docker-init) is needed, and not installed"}}})
        return
    from clients.sandbox import Sandbox  # pylint: disable=import-outside-toplevel

    sandbox = Sandbox()
    try:
        place = Place(sandbox, program)
        inside = InsideDriver(driver, sandbox)
        if wanted("service-run"):
            for result in run_results(place, inside, rounds):
                add(result)
        if wanted("service-hyperv"):
            add(hyperv_result(place, inside, rounds))
        if wanted("service-read"):
            add(read_result(place))
        if wanted("service-ps"):
            add(ps_result(place, inside))
        if wanted("service-memory"):
            add(memory_result(place))
    finally:
        sandbox.close()
