"""Fixtures of the suite of hcs: containers made from images, over both isolations.

HCS             the program under test (default build/hcs)
HCS_LIBEXECDIR  where its helper programs and the guest's files are (default libexec/hcs beside it)
HCS_ISOLATIONS  comma-separated isolations to run everything under (default "process").
HCS_KILLS       how many commands are killed at random instants (200)

Marks:
    once        nothing of the isolation takes part: under process only
    host_view   looks at the container's processes or files on the host: process only

A session has a root and a run root of its own, and lives in mount and network namespaces of its own:
the machine's networks are never touched.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/integration"))

import leftovers  # noqa: E402
from service import Service  # noqa: E402

PREFIX = "hcssvc-"
CLONE_NEWNET = 0x40000000
APPLETS = ("sh ls cat echo true false sleep yes head tail seq dd kill id ps stty tr wc printf env tty "
           "hostname date mkdir rm ln stat od touch sync test ip nc ping sort md5sum chmod chown su").split()


def pytest_configure(config):
    config.addinivalue_line("markers", "once(reason): no isolation takes part, so it runs once")
    config.addinivalue_line("markers", "host_view(reason): looks at the container from the host, so it "
                            "says something about process isolation only")


def isolations() -> list:
    return [i for i in os.environ.get("HCS_ISOLATIONS", "process").split(",") if i]


def pytest_generate_tests(metafunc):
    if "isolation" in metafunc.fixturenames:
        metafunc.parametrize("isolation", isolations(), scope="session")


def pytest_collection_modifyitems(config, items):
    def has_a_say(item) -> bool:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("isolation", "process") == "process":
            return True
        return not any(item.get_closest_marker(m) for m in ("once", "host_view"))

    config.hook.pytest_deselected(items=[i for i in items if not has_a_say(i)])
    items[:] = [i for i in items if has_a_say(i)]


def program() -> str:
    found = os.path.abspath(os.environ.get("HCS", str(REPOSITORY / "build/hcs")))
    if not os.access(found, os.X_OK):
        pytest.exit(f"no program to test: {found} (build it, or set HCS)", 2)
    os.environ.setdefault("HCS_LIBEXECDIR", os.path.join(os.path.dirname(found), "libexec/hcs"))
    return found


def sweep(hcs: str) -> None:
    """What a session that was killed half-way left: its directory name holds its pid."""
    for entry in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        pid = entry.name[len(PREFIX):]
        if pid.isdigit() and int(pid) != os.getpid() and os.path.exists(f"/proc/{pid}"):
            continue
        service = Service(hcs, entry, "process", f"{PREFIX}{pid}")
        service.remove_all()
        leftovers.remove_cgroups(f"{PREFIX}{pid}")
        leftovers.unmount_below(entry)
        shutil.rmtree(entry, ignore_errors=True)


def make_image(hcs: str, session: Path) -> None:
    """nano: a busybox, as ./dev images makes it from Debian's package."""
    root = session / "nano"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "root"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    busybox = next(p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p))
    shutil.copy(busybox, root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nmaria:x:1234:1234::/tmp:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nmaria:x:1234:\nstaff:x:50:maria\n")
    subprocess.run(["tar", "-C", root, "-cf", session / "nano.tar", "."], check=True)
    subprocess.run([hcs, "--root", session / "root", "--runroot", session / "run", "import",
                    "-c", 'CMD ["sh"]', session / "nano.tar", "nano"], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def session_dir():
    if os.geteuid() != 0:
        pytest.exit("the tests of hcs need root", 2)
    hcs = program()
    leftovers.isolate_session()
    # Not a subreaper: one that does not reap keeps a container's pid namespace from ending.
    leftovers.LIBC.prctl(leftovers.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    leftovers.LIBC.unshare(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sweep(hcs)
    path = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}"
    path.mkdir(mode=0o711)
    config = path / "hcs.json"
    # That VMs are emulated is said with the first one: asked for, nothing is said.
    config.write_text('{"hyperv": {"accelerator": "tcg"}}' if "hyperv" in isolations() else "{}")
    os.environ["HCS_CONFIG"] = str(config)
    make_image(hcs, path)
    yield path
    leftovers.unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def service(session_dir, isolation):
    """hcs with no containers; checks at the end that nothing is left of those the test made."""
    service = Service(program(), session_dir, isolation, session_dir.name)
    yield service
    try:
        service.remove_all()
        service.assert_nothing_left()
    finally:
        leftovers.remove_cgroups(session_dir.name)
        leftovers.reap()
