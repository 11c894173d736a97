# SPDX-License-Identifier: Apache-2.0
"""hyperv isolation on real KVM, as far as a machine without it can have that: in a machine that QEMU emulates.

HCS_BUILD   the build to try (default build/)
"""
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from machine import REPOSITORY, Machine, build_initramfs, unpack_kernel


@pytest.fixture(scope="session")
def machine():
    directory = Path(tempfile.mkdtemp(prefix="hcs-kvm-"))
    running = None
    try:
        kernel = unpack_kernel(directory)
        build_initramfs(directory, directory / "initramfs")
        running = Machine(kernel, directory / "initramfs", directory)
        yield running
    finally:
        if running:
            running.close()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def runhcs(machine):
    """The command, with where its parts are."""
    build = Path(os.environ.get("HCS_BUILD", REPOSITORY / "build")).resolve()
    return f"HCS_LIBEXECDIR={build}/libexec/hcs {build}/runhcs --root /run/state"


@pytest.fixture(scope="session")
def bundle(machine, runhcs):
    """A directory in the machine, with busybox; bundle(name, args...) makes one."""
    machine.ok("mkdir -p /run/rootfs/bin /run/rootfs/proc /run/rootfs/dev /run/rootfs/sys /run/rootfs/tmp")
    machine.ok("cp /bin/busybox /run/rootfs/bin && chroot /run/rootfs /bin/busybox --install -s /bin")
    template = json.loads(machine.ok(f"mkdir /run/t && cd /run/t && {runhcs} spec && cat config.json"))

    def make(name, *args):
        spec = json.loads(json.dumps(template))
        spec["process"].update(terminal=False, args=list(args))
        spec["root"] = {"path": "/run/rootfs", "readonly": True}
        machine.ok(f"mkdir /run/{name}")
        machine.ok(f"echo {shell_quoted(json.dumps(spec))} >/run/{name}/config.json")
        return f"/run/{name}"

    return make


def shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
