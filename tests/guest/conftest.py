"""Fixtures of the agent's tests: agents without a VM, in a mount namespace of their own.

HCS_AGENT  the binary under test (default build/src/guest/agent)
"""

import copy
import itertools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/integration"))

from bundle import DEFAULT_SPEC, build_template  # noqa: E402
import wire  # noqa: E402

SERIAL = itertools.count(1)
SETUP = 'mount -t tmpfs tmpfs /run && exec "$0" --port "$1"'


@pytest.fixture(scope="session")
def rootfs():
    with tempfile.TemporaryDirectory(prefix="hcsguest-") as directory:
        yield build_template(Path(directory) / "rootfs")


class Guest:
    """An agent on a socket, and what a test asks of it."""

    def __init__(self, rootfs):
        self.rootfs = rootfs
        binary = os.environ.get("HCS_AGENT", str(REPOSITORY / "build/src/guest/agent"))
        self.link, sock = wire.pair()
        self.errors = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", SETUP, binary, str(sock.fileno())],
            pass_fds=[sock.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.errors)
        sock.close()
        self.pid = self.popen.pid
        self.ids = []

    def spec(self, *args, terminal=False):
        spec = copy.deepcopy(DEFAULT_SPEC)
        spec["process"]["args"] = list(args)
        spec["process"]["terminal"] = terminal
        spec["root"]["path"] = str(self.rootfs)
        return spec

    def process(self, *args, terminal=False):
        return self.spec(*args, terminal=terminal)["process"]

    def new_id(self):
        self.ids.append(f"hcsguest-{os.getpid()}-{next(SERIAL)}")
        return self.ids[-1]

    def create(self, *args, terminal=False, hold=False, **spec):
        connection = self.link.connect(hold=hold)
        connection.id = self.new_id()
        config = self.spec(*args, terminal=terminal) | spec
        connection.pid = connection.call("create", id=connection.id, config=config)["pid"]
        return connection

    def run(self, *args, **options):
        connection = self.create(*args, **options)
        assert connection.call("start", id=connection.id) == {}
        return connection

    def exec(self, container, *args, terminal=False, hold=False, **fields):
        connection = self.link.connect(hold=hold)
        connection.pid = connection.call("exec", id=container.id,
                                         process=self.process(*args, terminal=terminal),
                                         **fields)["pid"]
        return connection

    def alive(self, pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def wait_dead(self, pid):
        self.link.wait(lambda: not self.alive(pid), what="death", outside=True)

    def children(self):
        """Not from /proc/PID/task/PID/children, which may leave some out while others end."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and \
                        int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == self.pid:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return sorted(found)

    def errors_text(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def end(self):
        """Closes the wire: what still runs is killed here, since there is no VM to end with it."""
        if self.link.sock.fileno() < 0:
            return self.popen.returncode
        try:
            for connection in list(self.link.connections.values()):
                connection.gone()
            last = self.link.connect()
            number = last.post("hangup")
            # Answered: all before it is taken, and the cleaning under way.
            self.link.wait(lambda: number in last.answers)
            self.link.wait(lambda: not self.children(), what="end of the children", outside=True)
        except (wire.Ended, FileNotFoundError):
            pass
        self.link.sock.close()
        try:
            return self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()


@pytest.fixture
def ungreeted(rootfs):
    guest = Guest(rootfs)
    yield guest
    guest.end()
    guest.popen.poll() is None and guest.popen.send_signal(signal.SIGKILL)


@pytest.fixture
def guest(ungreeted):
    ungreeted.link.greet()
    yield ungreeted
    assert ungreeted.end() == 0, ungreeted.errors_text()
    for directory in Path("/sys/fs/cgroup").glob("*"):
        for cid in ungreeted.ids:
            assert not (directory / cid).exists(), f"{directory / cid} is left {ungreeted.errors_text()}"
