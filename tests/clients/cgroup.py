"""What the kernel says of a container's cgroup, in the words of v1 or v2."""

import math
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
UNIFIED = (ROOT / "cgroup.controllers").exists()

# Ends a `cat` inside a container, where either of the files is there.
MEMORY_LIMIT_INSIDE = ("cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
                       "/sys/fs/cgroup/memory.max 2>/dev/null")


class Cgroup:
    """A cgroup by its path from the root of the hierarchies."""

    def __init__(self, path):
        self._path = path.lstrip("/")

    def _read(self, controller, v1, v2):
        directory = ROOT if UNIFIED else ROOT / controller
        return (directory / self._path / (v2 if UNIFIED else v1)).read_text().split()

    def memory_limit(self):
        return int(self._read("memory", "memory.limit_in_bytes", "memory.max")[0])

    def cpu_quota(self):
        """Microseconds a period."""
        return int(self._read("cpu", "cpu.cfs_quota_us", "cpu.max")[0])

    def cpu_shares(self):
        """As v1 counts them, 2 to 262144; v2's weight goes from 1 to 10000."""
        value = int(self._read("cpu", "cpu.shares", "cpu.weight")[0])
        return 2 + (value - 1) * 262142 // 9999 if UNIFIED else value

    def cpus(self):
        return self._read("cpuset", "cpuset.cpus", "cpuset.cpus")[0]

    def process_limit(self):
        return int(self._read("pids", "pids.max", "pids.max")[0])

    def read_speed_limit(self, device):
        """Bytes a second from `device`, MAJOR:MINOR."""
        words = self._read("blkio", "blkio.throttle.read_bps_device", "io.max")
        value = words[words.index(device) + 1]
        return int(value.removeprefix("rbps="))


class GuestCgroup(Cgroup):
    """That of a container in a VM: what limits the container is in the guest. Its processors and
    disks are the host's, and so are the limits of these."""

    def __init__(self, path, execute):
        super().__init__(path)
        self._execute = execute

    def _read(self, controller, v1, v2):
        if controller in ("cpuset", "blkio"):
            return super()._read(controller, v1, v2)
        return self._execute("cat", f"/sys/fs/cgroup/{v2}").stdout.split()

    def cpu_shares(self):
        """The least shares that give this weight: 1024 shares are 100, by powers of ten in between."""
        def weight(shares):
            power = math.log2(shares)
            return math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))

        found = int(self._read("cpu", "", "cpu.weight")[0])
        return next(shares for shares in range(2, 262145) if weight(shares) >= found)
