"""The host's processes of a container's utility VM, and what the kernel says of each."""

import json
import os
import re
from pathlib import Path

import leftovers
from runtime import until

# What a part calls itself in /proc/PID/comm, as far as the kernel keeps it (15 bytes).
PARTS = {"vmproc": "vmproc", "vmwp": "vmwp", "qemu": "qemu-system-", "virtiofsd": "virtiofsd"}
NAMESPACES = ("mnt", "net", "ipc", "uts", "pid", "cgroup")


class Process:
    def __init__(self, pid: int):
        self.pid = pid

    def __repr__(self):
        return f"{self.pid} ({self.comm})"

    def path(self, name) -> Path:
        return Path(f"/proc/{self.pid}/{name}")

    @property
    def comm(self) -> str:
        return self.path("comm").read_text().strip()

    @property
    def argv(self) -> list:
        return self.path("cmdline").read_text(errors="replace").split("\0")[:-1]

    @property
    def environ(self) -> list:
        return self.path("environ").read_text(errors="replace").split("\0")[:-1]

    @property
    def status(self) -> dict:
        lines = self.path("status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    @property
    def ids(self) -> set:
        """All users and groups that it has: real, effective, saved, of the file system."""
        return {int(n) for kind in ("Uid", "Gid") for n in self.status[kind].split()}

    def caps(self, kind: str) -> int:
        return int(self.status["Cap" + kind], 16)

    def namespace(self, kind: str) -> str:
        return os.readlink(self.path(f"ns/{kind}"))

    def fds(self) -> dict:
        """number -> what it is, as the kernel names it."""
        found = {}
        for name in os.listdir(self.path("fd")):
            try:
                found[int(name)] = os.readlink(self.path(f"fd/{name}"))
            except FileNotFoundError:
                pass  # of a thread that is at it
        return found

    def rss(self) -> int:
        """Bytes of its own: without what it shares with others of the same file."""
        text = self.path("smaps_rollup").read_text()
        return 1024 * sum(int(re.search(rf"^{k}:\s+(\d+)", text, re.M)[1])
                          for k in ("Private_Clean", "Private_Dirty"))

    def alive(self) -> bool:
        try:
            return self.path("stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False


def below(pid: int) -> list:
    """A process and all its descendants."""
    children = {}
    for child, (parent, state, _comm) in leftovers.process_table().items():
        if state not in "ZX":
            children.setdefault(parent, []).append(child)
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], ())
    return found


def parts(c) -> dict:
    """name -> its processes, of the VM that the container owns. The share's daemon may be several."""
    found = {name: [] for name in PARTS}
    for pid in below(c.pid):
        process = Process(pid)
        try:
            comm = process.comm
        except (FileNotFoundError, ProcessLookupError):
            continue
        for name, start in PARTS.items():
            if comm.startswith(start):
                found[name].append(process)
    return found


def part(c, name: str) -> Process:
    """The part, or of several processes the one that does the work: the last."""
    found = parts(c)[name]
    assert found, f"{c.id} has no {name}"
    return found[-1]


def everything(c) -> list:
    return [process for processes in parts(c).values() for process in processes]


def until_gone(processes, **kw) -> None:
    until(lambda: not any(p.alive() for p in processes),
          what=lambda: f"still there: {[p for p in processes if p.alive()]}", **kw)


def installed_kernel(runtime, bundle, *options) -> str:
    """The kernel that containers get, by the path that the state has of it."""
    c = runtime.create(bundle("probe"), *options)
    state = c.state()
    c.delete(force=True)
    found = [v for v in flat(state) if isinstance(v, str) and v.endswith("vmlinux")]
    assert found, state
    return found[0]


def flat(value) -> list:
    if isinstance(value, dict):
        return [x for v in value.values() for x in flat(v)]
    if isinstance(value, list):
        return [x for v in value for x in flat(v)]
    return [value]


def configured(work, settings) -> dict:
    """The environment that gives a command this configuration file: a text as it is, else with what
    the session has settled (see conftest.py) beneath it."""
    path = work / "hcs.json"
    if not isinstance(settings, str):
        if "HCS_CONFIG" in os.environ:
            beneath = json.loads(Path(os.environ["HCS_CONFIG"]).read_text()).get("hyperv", {})
            settings = {**settings, "hyperv": {**beneath, **settings.get("hyperv", {})}}
        settings = json.dumps(settings)
    path.write_text(settings)
    return {**os.environ, "HCS_CONFIG": str(path)}
