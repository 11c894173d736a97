"""hcs cp and hcs commit: what they write is there afterwards, and the container as it was."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from service import wait_until


def test_what_is_copied_into_a_stopped_container_stays(service, tmp_path):
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below/file").write_text("kept\n" * 10000)
    service("create", "--name", "kept", "nano", "md5sum", "/tree/below/file")
    service("cp", tree, "kept:/tree")
    service("cp", "kept:/tree/below/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "kept\n" * 10000
    assert service("start", "-a", "kept").stdout.endswith("  /tree/below/file\n")
    service("rm", "kept")


@pytest.mark.once("the program that stores")
def test_a_commit_that_is_broken_off_lets_the_container_go_on(service, tmp_path):
    service.started("up", "sleep", "1000")
    libexec = tmp_path / "libexec"
    libexec.mkdir()
    for entry in Path(os.environ["HCS_LIBEXECDIR"]).iterdir():
        if entry.name != "hcs-image":
            (libexec / entry.name).symlink_to(entry)
    (libexec / "hcs-image").write_text("#!/bin/sh\nexec sleep 1000\n")
    (libexec / "hcs-image").chmod(0o755)
    commit = service.popen("commit", "up", "never", stderr=subprocess.DEVNULL, start_new_session=True,
                           env=os.environ | {"HCS_LIBEXECDIR": str(libexec)})
    service.await_status("up", "paused")
    wait_until(lambda: b"sleep" in b"".join(
        Path(f"/proc/{pid}/cmdline").read_bytes()
        for pid in Path(f"/proc/{commit.pid}/task/{commit.pid}/children").read_text().split()), "it stores")
    os.killpg(commit.pid, signal.SIGINT)
    assert commit.wait(timeout=60) == 1
    assert service.status("up") == "running"
    service("rm", "-f", "up")
