"""Reading a container's cgroup settings, whatever the layout: v1, v2 or both.

A container in a VM has two cgroups: the one on the host, that its spec names and the whole VM is in
(so what is about the host's CPUs and disks is there), and one in the guest, whose kernel has cgroup
v2. `view` gives the one that a setting of the spec takes effect in.
"""

import math
from pathlib import Path

V1_ONLY = {"net_cls", "net_prio"}
HOSTS = {"cpuset", "blkio", "io"}  # controllers of what belongs to the host

# name -> (v1 controller, v1 file, v2 file)
FILES = {
    "memory.limit": ("memory", "memory.limit_in_bytes", "memory.max"),
    "memory.reservation": ("memory", "memory.soft_limit_in_bytes", "memory.low"),
    "memory.swap": ("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),
    "cpu.shares": ("cpu", "cpu.shares", "cpu.weight"),
    "cpu.quota": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
    "cpu.period": ("cpu", "cpu.cfs_period_us", "cpu.max"),
    "cpu.burst": ("cpu", "cpu.cfs_burst_us", "cpu.max.burst"),
    "cpu.idle": ("cpu", "cpu.idle", "cpu.idle"),
    "cpuset.cpus": ("cpuset", "cpuset.cpus", "cpuset.cpus"),
    "cpuset.mems": ("cpuset", "cpuset.mems", "cpuset.mems"),
    "pids.max": ("pids", "pids.max", "pids.max"),
}


def controller_mounts() -> dict:
    """v1 controller (or "" for cgroup2) -> (mount point, root of the mount)."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        kind, _source, options = right.split()[:3]
        root, point = left.split()[3:5]
        if kind == "cgroup2":
            found.setdefault("", (point, root))
        elif kind == "cgroup":
            for name in options.split(","):
                found.setdefault(name, (point, root))
    return found


def membership(pid) -> dict:
    """controller -> path, from /proc/<pid>/cgroup."""
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = path
    return found


def has_v1(controller: str) -> bool:
    return controller in controller_mounts()


def unified() -> bool:
    """cgroup2 is the only hierarchy."""
    return not any(name for name in controller_mounts() if name)


def directory(pid, controller: str) -> Path:
    """The cgroup directory of a process for a controller."""
    mounts = controller_mounts()
    name = controller if controller in mounts else ""
    point, root = mounts[name]
    path = membership(pid)[name]
    relative = path[len(root):] if root != "/" and path.startswith(root) else path
    return Path(point + "/" + relative.lstrip("/"))


class OnHost:
    """The cgroup that the host's kernel has of the process `state` names."""

    def __init__(self, c):
        self.pid = c.pid

    @staticmethod
    def is_v1(controller: str) -> bool:
        return has_v1(controller)

    @staticmethod
    def has(controller: str) -> bool:
        return has_v1(controller) or has_v2(controller)

    def read(self, controller: str, file: str) -> str:
        return (directory(self.pid, controller) / file).read_text().strip()


class InGuest:
    """The cgroup that the guest's kernel has, through the mount that the container has of it."""

    def __init__(self, c):
        self.container = c

    @staticmethod
    def is_v1(_controller: str) -> bool:
        return False

    @staticmethod
    def has(controller: str) -> bool:
        return controller not in V1_ONLY

    def read(self, _controller: str, file: str) -> str:
        return self.container.exec("cat", f"/sys/fs/cgroup/{file}").out.strip()


def view(c, controller=""):
    if c.runtime.isolation == "process" or controller in HOSTS:
        return OnHost(c)
    return InGuest(c)


def value(c, name: str) -> str:
    controller, old, new = FILES[name]
    seen = view(c, controller)
    return seen.read(controller, old if seen.is_v1(controller) else new)


def shares_of_weight(weight: int) -> int:
    """The shares that runtimes turn into this cpu.weight since 2025 (runc 1.3.2, crun 1.23): 2 is
    1, 1024 is 100, 262144 is 10000, a parabola in log-log space between them."""
    offset = 612 * (math.log10(weight) + 7 / 34)
    return round(2 ** ((math.sqrt(125 * 125 + 4 * offset) - 125) / 2))


def number(c, name: str) -> int:
    """A setting in v1 terms; -1 for no limit."""
    controller, _old, _new = FILES[name]
    text = value(c, name)
    if not view(c, controller).is_v1(controller):
        if name == "cpu.quota":
            text = text.split()[0]
        elif name == "cpu.period":
            text = text.split()[1]
        elif name == "cpu.shares":
            return shares_of_weight(int(text))
    if text == "max":
        return -1
    amount = int(text)
    return -1 if amount > 1 << 62 else amount


def limits_of(runtime, controller: str) -> bool:
    """Whether a container under the runtime can have limits of this controller."""
    return (OnHost if runtime.isolation == "process" or controller in HOSTS else InGuest).has(controller)


def has_v2(controller: str) -> bool:
    """A cgroup2 mount, alone or beside v1, that has the controller."""
    return any(controller in Path(base, "cgroup.controllers").read_text().split()
               for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
               if Path(base, "cgroup.controllers").exists())
