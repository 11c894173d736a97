"""The utility VM's first root: what is in it, and that the same agent gives the same bytes."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[3] / "guest" / "initramfs.py"
AGENT = b"\x7fELF" + bytes(range(251))


def make(tmp_path, agent=AGENT, output="initramfs"):
    (tmp_path / "agent").write_bytes(agent)
    return subprocess.run([sys.executable, TOOL, tmp_path / "agent", tmp_path / output],
                          capture_output=True, text=True, check=False)


def entries(data):
    """Name → (mode, owner, size of the special device, content), as the kernel reads them."""
    found, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + field[11] - 1].decode()
        start = (at + 110 + field[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (field[1], field[2:4], field[9:11], data[start:start + field[6]])
        at = (start + field[6] + 3) // 4 * 4


def test_the_agent_is_process_1_and_has_a_console(tmp_path):
    assert make(tmp_path).returncode == 0
    found = entries((tmp_path / "initramfs").read_bytes())
    assert found["init"] == (0o100755, [0, 0], [0, 0], AGENT)
    assert found["dev/console"][:3] == (0o020600, [0, 0], [5, 1])
    assert all(found[name][0] == 0o040755 for name in ("dev", "proc", "sys", "run"))
    # A directory comes before what is in it.
    assert list(found).index("dev") < list(found).index("dev/console")


def test_another_archive_may_follow(tmp_path):
    assert make(tmp_path).returncode == 0
    assert (tmp_path / "initramfs").stat().st_size % 4 == 0


def test_the_same_agent_gives_the_same_bytes(tmp_path):
    assert make(tmp_path, output="first").returncode == 0
    assert make(tmp_path, output="second").returncode == 0
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("agent", [b"", b"#!/bin/sh\n"])
def test_what_is_no_program_is_refused(tmp_path, agent):
    result = make(tmp_path, agent)
    assert result.returncode == 1
    assert "agent is not an ELF program" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]
