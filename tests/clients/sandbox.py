"""A place on this machine where daemons can be run and thrown away whole.

Three namespaces give the clients a machine of their own to leave a mess in:

* network: dockerd and podman build bridges and packet filter rules; the machine's own
  stay as they are, and the registry's loopback port cannot collide with anything;
* mount: overlays, netns files and /run (where containerd, CNI and podman insist on
  fixed paths) vanish with the last process;
* pid: shims and conmons detach on purpose. When the first process of the namespace
  ends, the kernel kills all of them. It ends when the pipe to us closes, so also when
  the test run itself is killed with SIGKILL.

What namespaces do not take away is one temporary directory and the cgroups of the same
name. The directory holds a lock for as long as the run lives; the next run sweeps those
whose lock is free.

The runtime under test sees the machine's real cgroup hierarchies: no cgroup namespace.
"""

import errno
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .terminal import Terminal

PREFIX = "hcs-clients-"

# Runs as the first process of the namespaces. docker-init reaps what daemons orphan;
# cat holds the namespace until its standard input is closed.
SETUP = """
set -e
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/netns
# As podman would at its first network, and never undo.
mount --bind /run/netns /run/netns && mount --make-shared /run/netns
for dir in /etc/docker /etc/cni /var/lib/cni /opt; do
    if [ -d "$dir" ]; then mount -t tmpfs -o mode=755 hidden "$dir"; fi
done
ip link set lo up
echo ready
exec docker-init -- cat >/dev/null
"""

FETCH = """
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
"""


class CommandFailed(AssertionError):
    def __init__(self, result):
        super().__init__(
            f"{' '.join(map(str, result.args))}\n"
            f"exit status {result.returncode}\n"
            f"--- stdout\n{result.stdout}\n--- stderr\n{result.stderr}"
        )


def wait_for(condition, what, timeout=20):
    """Poll `condition` until it is true and return its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(0.05)


class Sandbox:
    def __init__(self):
        sweep()
        # Also containerd's namespace and the cgroups' name: only letters and digits are safe.
        self.name = PREFIX + secrets.token_hex(4)
        self.dir = Path(tempfile.gettempdir()) / self.name
        self.dir.mkdir(mode=0o711)  # a container's user walks through it to bind mounts
        self.workdir = self.dir / "cwd"  # of every client and daemon: conmon writes to it
        self.workdir.mkdir()
        self._lock = open(self.dir / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._daemons = []
        self._first = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--propagation", "private", "sh", "-c", SETUP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
        )
        if self._first.stdout.readline() != b"ready\n":
            raise RuntimeError("cannot make namespaces for the clients (root is needed)")
        self._pid = first_child(self._first.pid)

    def inside(self, argv):
        """The command line that runs `argv` in the namespaces."""
        return ["nsenter", "--target", str(self._pid), "--mount", "--net", "--pid",
                f"--wdns={self.workdir}", "--", *map(str, argv)]

    def run(self, argv, *, check=True, input=None, timeout=60, env=None):
        process = subprocess.Popen(
            self.inside(argv), cwd="/", env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            # nsenter forwards no signals: take its whole process group.
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            stderr += f"\n(killed after {timeout} s)"
        result = subprocess.CompletedProcess(list(map(str, argv)), process.returncode,
                                             stdout, stderr)
        if check and result.returncode != 0:
            raise CommandFailed(result)
        return result

    def fetch(self, url):
        """The body that `url` answers with, from inside; None when it does not answer."""
        result = self.run([sys.executable, "-c", FETCH, url], check=False)
        return result.stdout if result.returncode == 0 else None

    def terminal(self, argv, *, env=None, rows=24, columns=80):
        """Run `argv` on a new pseudo-terminal."""
        return Terminal(self.inside(argv), {**os.environ, **(env or {})}, rows, columns)

    def daemon(self, name, argv, env=None):
        """Start a daemon; it lives until `stop_daemon`, its output goes to NAME.log."""
        with open(self.dir / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                self.inside(argv), cwd="/", env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        self._daemons.append(process)
        return process

    def daemon_ready(self, process, name, condition, timeout=30):
        def ready():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended at once:\n{self.log(name)}")
            return condition()

        try:
            wait_for(ready, f"{name} to answer", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log(name)}") from None

    def stop_daemon(self, process):
        self._daemons.remove(process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def log(self, name, lines=40):
        path = self.dir / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def processes(self):
        """pid → command line of everything alive inside, seen from inside."""
        listing = self.run(["ps", "-e", "-o", "pid=,stat=,args="]).stdout
        rows = (line.split(None, 2) for line in listing.splitlines())
        return {int(pid): args for pid, stat, args in rows if not stat.startswith("Z")}

    def mounts(self):
        """Mount points inside."""
        return [line.split()[4]
                for line in self.run(["cat", "/proc/self/mountinfo"]).stdout.splitlines()]

    def cgroups(self, below=""):
        """Every cgroup directory of this run that still exists, in any hierarchy."""
        roots = (hierarchy / self.name / below for hierarchy in hierarchies())
        return [path for root in roots if root.is_dir()
                for path in [root, *(p for p in root.rglob("*") if p.is_dir())]]

    def close(self):
        for process in list(reversed(self._daemons)):
            self.stop_daemon(process)
        self._first.stdin.close()
        self._first.wait()
        self._first.stdout.close()
        remove(self.dir)
        self._lock.close()


def first_child(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(wait_for(lambda: children.read_text().split(), "the namespaces")[0])


def hierarchies():
    """Mount points of every cgroup hierarchy, v1 controllers and v2 alike."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, rest = line.split(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            yield Path(fields.split()[4])


def remove_cgroups(name):
    for hierarchy in hierarchies():
        top = hierarchy / name
        for path in sorted([top, *top.rglob("*/")], key=lambda p: -len(p.parts)):
            try:
                kill_cgroup(path)
                wait_for(lambda: rmdir(path), f"{path} to be empty", 5)
            except FileNotFoundError:
                pass


def kill_cgroup(path):
    for pid in map(int, (path / "cgroup.procs").read_text().split()):
        if pid <= 0:
            continue  # one that is just going: to kill(2) that is our own process group
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def rmdir(path):
    try:
        path.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def remove(directory):
    """Take away what a run left behind once its namespaces are gone."""
    remove_cgroups(directory.name)
    # A mount namespace is torn down a moment after its last process: until then an
    # overlay still holds its work directory.
    wait_for(lambda: rmtree(directory), f"{directory} to be released", 10)


def rmtree(directory):
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def sweep():
    """Remove what runs left that did not live to do it themselves."""
    for directory in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            with open(directory / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(directory)
        except (FileNotFoundError, BlockingIOError):
            pass  # no lock yet or a living run: not ours to judge
