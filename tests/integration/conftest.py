"""Fixtures of the integration suite.

HCS_RUNTIME     the binary under test (default build/runhcs); a peer such as runc calibrates the
                tests: what it words or does otherwise is then not compared.
HCS_LIBEXECDIR  where its helper programs and the guest's files are (default libexec/hcs beside it)
HCS_ISOLATIONS  comma-separated isolations to run everything under (default "process").
HCS_PATIENCE    how many times longer than usual to wait for anything (1; hyperv adds its own).

Every test runs under each isolation with the same assertions, but for these marks:
    once        nothing of the isolation takes part: under process only
    host_view   looks at a container's processes, cgroups or mounts on the host: process only
    hyperv      what only utility VMs have: hyperv only
Any number of sessions, or workers of pytest-xdist, may run at the same time: each has its own mount
namespace and is the subreaper of its own containers.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import leftovers
from bundle import Bundle, build_template
from cprog import Compiler
from runtime import Runtime, Running
from terminal import ConsoleSocket, Terminal

PREFIX = "hcsit-"
SERIAL = itertools.count(1)
REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_configure(config):
    config.addinivalue_line("markers", "once(reason): no isolation takes part, so it runs once")
    config.addinivalue_line("markers", "host_view(reason): looks at the container's process from "
                            "the host, so it says something about process isolation only")
    config.addinivalue_line("markers", "hyperv: what only hyperv isolation has")
    config.addinivalue_line("markers", "peer_lacks(reason): a stand-in peer does not do this")
    config.addinivalue_line("markers", "slow: takes many seconds by its subject")
    config.addinivalue_line("markers", "v1(controller): needs that cgroup v1 controller")


def isolations() -> list:
    return [i for i in os.environ.get("HCS_ISOLATIONS", "process").split(",") if i]


def pytest_generate_tests(metafunc):
    if "isolation" in metafunc.fixturenames:
        metafunc.parametrize("isolation", isolations(), scope="session")


def pytest_collection_modifyitems(config, items):
    """Leaves out what has nothing to say under an isolation: see the marks above."""
    def has_a_say(item) -> bool:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("isolation", "process") == "process":
            return not item.get_closest_marker("hyperv")
        return not any(item.get_closest_marker(m) for m in ("once", "host_view", "v1"))

    config.hook.pytest_deselected(items=[i for i in items if not has_a_say(i)])
    items[:] = [i for i in items if has_a_say(i)]


def binary_under_test() -> str:
    binary = os.environ.get("HCS_RUNTIME", str(REPOSITORY / "build/runhcs"))
    found = shutil.which(binary)
    if not found:
        pytest.exit(f"no runtime to test: {binary} (build it, or set HCS_RUNTIME)", 2)
    libexec = os.path.join(os.path.dirname(os.path.abspath(found)), "libexec/hcs")
    if os.path.isdir(libexec):
        os.environ.setdefault("HCS_LIBEXECDIR", libexec)
    return os.path.abspath(found)


def sweep(binary: str) -> None:
    """Remove what a session that was killed half-way left: its directory name holds its pid."""
    for entry in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        pid = entry.name[len(PREFIX):]
        if pid.isdigit() and int(pid) != os.getpid() and os.path.exists(f"/proc/{pid}"):
            continue
        for root in entry.glob("*/root"):
            for cid in os.listdir(root):
                if cid[0] not in leftovers.RUNTIMES_OWN:
                    subprocess.run([binary, "--root", str(root), "delete", "--force", cid],
                                   capture_output=True, timeout=20, check=False)
        leftovers.remove_cgroups(f"{PREFIX}{pid}-")
        leftovers.unmount_below(entry)
        subprocess.run(["chattr", "-R", "-i", str(entry)], capture_output=True, check=False)
        shutil.rmtree(entry, ignore_errors=True)


def settle_accelerator(binary: str, session: Path) -> None:
    """That VMs are emulated is said with the first one of a state directory, of which every test has
    its own: where it is so, it is asked for, and nothing is said."""
    if "hyperv" not in isolations() or "HCS_CONFIG" in os.environ:
        return
    features = subprocess.run([binary, "features"], capture_output=True, text=True, check=False).stdout
    if re.search(r'"io.hcs.hyperv.accelerator": *"tcg"', features):
        config = session / "hcs.json"
        config.write_text('{"hyperv": {"accelerator": "tcg"}}')
        os.environ["HCS_CONFIG"] = str(config)


@pytest.fixture(scope="session")
def session_dir():
    if os.geteuid() != 0:
        pytest.exit("the integration tests need root", 2)
    binary = binary_under_test()
    leftovers.isolate_session()
    sweep(binary)
    path = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    settle_accelerator(binary, path)
    yield path
    leftovers.unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def template(session_dir):
    return build_template(session_dir / "template")


@pytest.fixture(scope="session")
def compile_c(session_dir):
    """compile_c(name, source) -> path of a static program."""
    return Compiler(session_dir / "programs")


@pytest.fixture
def work(session_dir):
    """A directory for this test alone, gone with it."""
    path = session_dir / f"t{next(SERIAL)}"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    yield path
    leftovers.unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def runtime(work, isolation, request):
    """The runtime under test with an empty --root; checks at the end that nothing is left."""
    standin = os.path.basename(binary_under_test()) != "runhcs"
    if standin and (lacks := request.node.get_closest_marker("peer_lacks")):
        pytest.skip(f"peer: {lacks.args[0]}")
    if v1 := request.node.get_closest_marker("v1"):
        import cgroupfs
        if not cgroupfs.has_v1(v1.args[0]):
            pytest.skip(f"no cgroup v1 {v1.args[0]} controller on this machine")
    mark = f"{PREFIX}{os.getpid()}-{work.name}"
    snapshot = leftovers.Snapshot(work / "root", mark, isolation)
    runtime = Runtime(binary_under_test(), work, isolation, mark, snapshot)
    yield runtime
    try:
        runtime.close()
        snapshot.assert_none()
    finally:
        for pid in leftovers.descendants():
            if pid not in snapshot.processes and pid not in leftovers.OWNED:
                leftovers.kill(pid, signal.SIGKILL)
        leftovers.remove_cgroups(mark)
        leftovers.reap()


class Shared:
    """A running container for several tests of a module, where making one each would be most of the
    time: of tests that leave it as they found it. One that has ended is made anew."""

    def __init__(self, runtime, template):
        self.runtime, self.template = runtime, template
        self.made = {}

    def bundle(self, name) -> Bundle:
        path = self.runtime.work / name
        path.mkdir(mode=0o755)
        return Bundle(path, self.template)

    def container(self, name, prepare, runtime):
        """runtime: the test's own, for which this container is there already."""
        c = self.made.get(name)
        if c and c.status != "running":
            c.delete(force=True)
            c.bundle.path.rename(c.bundle.path.with_name(f"{c.id}-ended"))
            c = None
        if not c:
            c = self.runtime.start(prepare(self.bundle(name)))
            self.made[name] = c
        runtime.leftovers.rebase()
        return c


@pytest.fixture(scope="module")
def shared(session_dir, template, isolation):
    path = session_dir / f"m{next(SERIAL)}"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    mark = f"{PREFIX}{os.getpid()}-{path.name}"
    snapshot = leftovers.Snapshot(path / "root", mark, isolation)
    runtime = Runtime(binary_under_test(), path, isolation, mark, snapshot)
    yield Shared(runtime, template)
    runtime.close()
    snapshot.assert_none()
    leftovers.unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def bundle(work, template, runtime):
    """bundle() makes a bundle; several may be made in one test."""
    made = []

    def make(name=None, own_files=False) -> Bundle:
        path = work / (name or f"bundle{len(made)}")
        path.mkdir(mode=0o755)
        made.append(Bundle(path, template, own_files))
        return made[-1]

    return make


@pytest.fixture
def terminal():
    opened = Terminal()
    yield opened
    opened.close()


@pytest.fixture
def console(work):
    opened = ConsoleSocket(work / "console.sock")
    yield opened
    opened.close()


@pytest.fixture
def helper():
    """helper(argv, ...) starts a host process that ends with the test."""
    started = []

    def start(*argv, **popen) -> Running:
        started.append(Running(argv, **popen))
        return started[-1]

    yield start
    for process in started:
        process.stop()
