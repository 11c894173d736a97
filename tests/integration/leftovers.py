"""What a command must not leave behind: mounts, cgroups, processes, state.

The session runs in a mount namespace of its own and as a child subreaper (see conftest.py), so
mounts can be compared exactly and every process that a runtime abandons becomes our child.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
# Names in --root that no container can have are the runtime's own: a lock, a cache.
RUNTIMES_OWN = ".:"
CGROUP_ROOT = Path("/sys/fs/cgroup")
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18


def isolate_session() -> None:
    """Own mount namespace, nothing propagated in or out, orphans come to us."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS): the tests need root")
    if LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "cannot make mounts private")
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def mounts() -> list:
    """Mount points of the session's namespace, in mount order."""
    points = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            points.append(line.split()[4])
    return points


def unescape(point: str) -> str:
    return point.encode("utf-8", "surrogateescape").decode("unicode_escape")


def unmount_below(path) -> None:
    prefix = str(path)
    for point in reversed(mounts()):
        if point == prefix or point.startswith(prefix + "/"):
            LIBC.umount2(unescape(point).encode(), 2)


def cgroup_dirs(mark: str) -> list:
    """Every cgroup directory whose name carries `mark`, innermost last."""
    found = []
    for base, dirs, _files in os.walk(CGROUP_ROOT):
        for name in dirs:
            if mark in name:
                found.append(os.path.join(base, name))
    return found


def remove_cgroups(mark: str) -> None:
    """Kill what is in the marked cgroups and remove them with all below."""
    for top in cgroup_dirs(mark):
        below = [base for base, _d, _f in os.walk(top, topdown=False)]
        for path in below:
            for _ in range(50):
                try:
                    for pid in Path(path, "cgroup.procs").read_text().split():
                        kill(int(pid))
                    state = Path(path, "freezer.state")
                    if state.exists():
                        state.write_text("THAWED")
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    reap()
                    time.sleep(0.02)


def process_table() -> dict:
    """pid -> (parent pid, state letter, command)."""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            text = Path("/proc", name, "stat").read_text(errors="replace")
        except OSError:
            continue
        comm, rest = text.split("(", 1)[1].rsplit(")", 1)
        fields = rest.split()
        table[int(name)] = (int(fields[1]), fields[0], comm)
    return table


def descendants() -> dict:
    """Live processes below us: pid -> command. Zombies are left out."""
    table = process_table()
    children = {}
    for pid, (parent, _state, _comm) in table.items():
        children.setdefault(parent, []).append(pid)
    found, queue = {}, [os.getpid()]
    while queue:
        for pid in children.get(queue.pop(), ()):
            queue.append(pid)
            if table[pid][1] not in "ZX":
                found[pid] = table[pid][2]
    return found


def kill(pid: int, sig=signal.SIGKILL) -> None:
    # cgroup.procs says 0 of one that is just going: to kill(2) that is our own process group.
    if pid <= 0:
        return
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


OWNED = set()  # children that a Popen object waits for


def reap() -> None:
    """Collect orphans that came to us, never a child that a Popen object waits for."""
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if info is None:
            return
        if info.si_pid in OWNED:
            break
        os.waitpid(info.si_pid, 0)
    # One that is not ours to take stands in front: look at the others by name.
    mine = os.getpid()
    for pid, (parent, state, _comm) in process_table().items():
        if parent == mine and state == "Z" and pid not in OWNED:
            os.waitpid(pid, os.WNOHANG)


def named(mark: str) -> dict:
    """Processes anywhere whose command line has `mark`: pid -> command line. The helpers of a
    utility VM carry its name; one that got away from us would still be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            line = Path("/proc", name, "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if mark in line:
            found[int(name)] = line.strip()
    return found


def sockets(mark: str) -> list:
    """Names of unix sockets, abstract ones too, that hold `mark`."""
    table = Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]
    return [fields[7] for line in table if len(fields := line.split(None, 7)) == 8 and mark in fields[7]]


class Snapshot:
    """The state of things before a test; `assert_none` compares with it."""

    def __init__(self, root: Path, mark: str, isolation="process"):
        self.root = root
        self.mark = mark
        self.isolation = isolation
        self.rebase()

    def rebase(self) -> None:
        """Take what is there now (a test's own mounts and helpers) as given."""
        self.mounts = mounts()
        self.processes = set(descendants())
        self.sockets = sockets(self.mark)
        self.interfaces = os.listdir("/sys/class/net")

    def vm_parts(self, ignore) -> list:
        """What belongs to a VM and is no mount, no cgroup and no child of ours. No test under
        hyperv makes an interface in the host's own network namespace, so a new one is a tap."""
        known = self.processes | OWNED | set(ignore) | {os.getpid()}
        found = [f"process {pid} ({line})" for pid, line in named(self.mark).items() if pid not in known]
        found += [f"socket {name}" for name in sockets(self.mark) if name not in self.sockets]
        found += [f"interface {name}" for name in os.listdir("/sys/class/net") if name not in self.interfaces]
        return found

    def new(self, ignore=()) -> list:
        found = []
        before = list(self.mounts)
        for point in mounts():
            if point in before:
                before.remove(point)
            else:
                found.append(f"mount {point}")
        found += [f"cgroup {path}" for path in cgroup_dirs(self.mark)]
        for pid, comm in descendants().items():
            if pid not in self.processes and pid not in OWNED and pid not in ignore:
                found.append(f"process {pid} ({comm})")
        if self.isolation == "hyperv":
            found += self.vm_parts(ignore)
        if self.root.exists():
            found += [f"state {e.path}" for e in os.scandir(self.root) if e.name[0] not in RUNTIMES_OWN]
        return found

    def assert_none(self, ignore=(), patience=1.0) -> None:
        """Nothing new; processes already killed get `patience` seconds to be gone: those of a VM
        more, whose memory goes with them."""
        end = time.monotonic() + patience * (5 if self.isolation == "hyperv" else 1)
        while True:
            reap()
            found = self.new(ignore)
            if not found:
                return
            if time.monotonic() > end or not any(f.startswith("process") for f in found):
                raise AssertionError("left behind: " + "; ".join(found))
            time.sleep(0.02)
