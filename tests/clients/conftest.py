"""One sandbox with a registry, containerd, dockerd and podman for the whole test run.

The runtime under test is $HCS_RUNTIME, build/runhcs if unset:

    HCS_RUNTIME=/usr/sbin/runc python3 -m pytest tests/clients

shows that an expectation is true of a runtime that the clients are known to work with.

HCS_ISOLATIONS=hyperv gives the clients a runtime whose default is a utility VM for each container.
Every test then makes the same demands, but for those marked host_view: they look at a container's
processes from outside, or ask for what is the host's. What such a client is told instead is in
test_hyperv.py.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .containerd import Containerd
from .docker import Docker
from .leftovers import Leftovers
from .podman import Podman
from .registry import Registry
from .sandbox import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = ("busybox", "conmon", "containerd", "ctr", "docker-init", "docker-registry", "dockerd",
            "iptables", "netavark", "nsenter", "podman", "skopeo", "unshare")
# Where Debian keeps programs that only other programs call.
EXTRA_PATH = os.pathsep + "/usr/sbin" + os.pathsep + "/usr/lib/podman"


ISOLATION = os.environ.get("HCS_ISOLATIONS", "process").split(",")[0]
# A client knows a path and passes no more than the runtime specification has. So the choice is in
# the administrator's file, as it would be for one who wants VMs for all of a client's containers.
WRAPPER = """#!/bin/sh
HCS_CONFIG={config} HCS_LIBEXECDIR={libexec} exec {runtime} "$@"
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "host_view(reason): says something about process isolation only")
    config.addinivalue_line("markers", "hyperv: says something about hyperv isolation only")


def pytest_collection_modifyitems(config, items):
    other = "host_view" if ISOLATION == "hyperv" else "hyperv"
    config.hook.pytest_deselected(items=[i for i in items if i.get_closest_marker(other)])
    items[:] = [i for i in items if not i.get_closest_marker(other)]


@pytest.fixture(scope="session")
def isolation():
    return ISOLATION


@pytest.fixture(scope="session")
def runtime():
    path = Path(os.environ.get("HCS_RUNTIME", REPOSITORY / "build" / "runhcs")).absolute()
    if not os.access(path, os.X_OK):
        pytest.fail(f"no runtime at {path}: build it, or set HCS_RUNTIME")
    if ISOLATION == "process":
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="hcs-clients-runtime-") as directory:
        config, wrapper = Path(directory, "config.json"), Path(directory, path.name)
        config.write_text(json.dumps({"isolation": ISOLATION}))
        libexec = os.environ.get("HCS_LIBEXECDIR", path.parent / "libexec/hcs")
        wrapper.write_text(WRAPPER.format(config=config, libexec=libexec, runtime=path))
        wrapper.chmod(0o755)
        yield str(wrapper)


@pytest.fixture(scope="session")
def sandbox(runtime):
    if os.geteuid() != 0:
        pytest.fail("the clients' daemons need root")
    missing = [program for program in PROGRAMS
               if not shutil.which(program, path=os.environ["PATH"] + EXTRA_PATH)]
    if missing:
        pytest.fail(f"not installed: {' '.join(missing)} (see tests/packages-clients.txt)")
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def registry(sandbox):
    registry = Registry(sandbox)
    registry.push_test_image()
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def containerd_daemon(sandbox, registry, runtime):
    containerd = Containerd(sandbox, runtime)
    containerd.pull()
    yield containerd
    containerd.close()


@pytest.fixture(scope="session")
def docker_daemon(sandbox, registry, containerd_daemon, runtime, isolation):
    docker = Docker(sandbox, containerd_daemon, runtime, isolation)
    docker.pull()
    yield docker
    docker.close()


@pytest.fixture(scope="session")
def podman_storage(sandbox, registry, runtime):
    podman = Podman(sandbox, runtime)
    podman.pull()
    return podman


# What a test uses: the client, and afterwards the proof that nothing stayed behind.

@pytest.fixture
def containerd(containerd_daemon):
    with Leftovers(containerd_daemon):
        yield containerd_daemon


@pytest.fixture
def docker(docker_daemon):
    with Leftovers(docker_daemon):
        yield docker_daemon


@pytest.fixture
def podman(podman_storage):
    with Leftovers(podman_storage):
        yield podman_storage


@pytest.fixture
def without_all_capabilities(runtime, request):
    """Marks a test that asks for every capability, on machines whose root lacks some.

    runtime-spec (process.capabilities): a runtime should not fail when capabilities cannot be
    granted, but log a warning. runc 1.1 fails there: "unable to apply caps".
    """
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    bounding = re.search("CapBnd:\t(.*)", Path("/proc/self/status").read_text())[1]
    version = subprocess.run([runtime, "--version"], capture_output=True, text=True)
    if int(bounding, 16) != (2 << last) - 1 and version.stdout.startswith("runc version"):
        request.applymarker(pytest.mark.xfail(reason="runc wants every capability granted"))
