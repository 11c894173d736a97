"""HCS_VMPROC: the program under test (default build/src/vmproc/vmproc)."""

import os
import socket
from pathlib import Path

import pytest

import peer

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def program() -> str:
    path = os.environ.get("HCS_VMPROC", str(REPOSITORY / "build/src/vmproc/vmproc"))
    if not os.access(path, os.X_OK):
        pytest.exit(f"no vmproc to test: {path} (build it, or set HCS_VMPROC)", 2)
    return os.path.abspath(path)


@pytest.fixture
def spawn(program):
    """Starts a vmproc; what is left of it is killed at the end of the test."""
    started = []

    def start(**how) -> peer.Vmproc:
        started.append(peer.Vmproc(program, **how))
        return started[-1]

    yield start
    for vmproc in started:
        vmproc.close()


@pytest.fixture
def listener(tmp_path):
    """A start socket, and a function that connects to it."""
    path = str(tmp_path / "start.sock")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.bind(path)
    sock.listen(4)

    def connect() -> socket.socket:
        conn = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        conn.connect(path)  # waits while the queue is full; with a timeout it would not
        conn.settimeout(peer.TIMEOUT)
        return conn

    yield sock, connect
    sock.close()
