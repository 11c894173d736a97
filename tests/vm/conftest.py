# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of vmwp: one VM each, by vmwp itself and QEMU, with a guest of their own.

HCS_BUILD       the build directory (default build)
HCS_VM_KERNEL   the guest's kernel (default vmlinux in HCS_LIBEXECDIR)
"""
import os
import shutil
import tempfile
from pathlib import Path

import pytest

import initrd
import machine

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HCS_BUILD", REPOSITORY / "build")).resolve()
LIBEXECDIR = os.environ.get("HCS_LIBEXECDIR", "/usr/local/libexec/hcs")
KERNEL = os.environ.get("HCS_VM_KERNEL", LIBEXECDIR + "/vmlinux")


@pytest.fixture(scope="session")
def directory():
    if os.geteuid() != 0:
        pytest.exit("the tests of vmwp need root", 2)
    for path in (BUILD / "src/vmwp/vmwp", KERNEL):
        if not os.path.exists(path):
            pytest.exit(f"{path} is not there (build it, or set HCS_BUILD, HCS_VM_KERNEL)", 2)
    path = Path(tempfile.mkdtemp(prefix="vmwp-tests-"))
    path.chmod(0o755)
    initrd.build(path / "initrd", BUILD / "tests/vm/vmwp_guest_init")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make_vm(directory):
    """Starts a VM with other settings than the usual ones."""
    vms = []

    def make(*fds, vmwp=BUILD / "src/vmwp/vmwp", **settings):
        vm = machine.Vm(str(vmwp), fds, **{"kernel": str(KERNEL), **settings,
                                           "initrd": settings.get("initrd",
                                                                  str(directory / "initrd"))})
        vms.append(vm)
        return vm
    yield make
    for vm in vms:
        vm.close()


@pytest.fixture
def vm(make_vm):
    """A VM that has been started."""
    started = make_vm()
    started.ready()
    return started


@pytest.fixture
def client(vm):
    """A connection to a VM whose guest has answered."""
    connection = vm.connect()
    connection.hello()
    return connection


@pytest.fixture
def shared(vm, tmp_path):
    """An empty directory of the host, shared as /share/x."""
    tmp_path.chmod(0o755)
    machine.attach(vm.pid, str(tmp_path), "/share/x")
    return tmp_path
