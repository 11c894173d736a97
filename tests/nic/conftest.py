"""Fixtures of the tests of virtual machines. HCS_GUEST_KERNEL: the guest's kernel (vmlinux)."""

import os

import pytest

import netlab


@pytest.fixture
def lab(request):
    """A network with its guest: a virtual machine."""
    kind = getattr(request, "param", "wire")
    if kind == "vm" and not netlab.guest_kernel():
        pytest.skip("no kernel for a guest: build it, or set HCS_GUEST_KERNEL")
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: needs root")
    made = netlab.Lab(kind)
    yield made
    made.done()
